/** Certificates for one test run, made with openssl when they are needed: an authority, servers, clients, good and bad. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Issued {
  readonly cert: string
  readonly key: string
  readonly certPath: string
  readonly keyPath: string
}

export interface IssueOptions {
  /** Subject in openssl's writing: `/O=mill/CN=alice`. */
  readonly subject: string
  /** `DNS:localhost,IP:127.0.0.1` */
  readonly names?: string | undefined
  /** Ended yesterday. */
  readonly isExpired?: boolean | undefined
}

/** An authority of its own. */
export class Authority {
  readonly directory: string
  readonly ca: string
  readonly caPath: string
  #count = 0

  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), 'millrace-certificates-'))
    this.caPath = join(this.directory, 'ca.pem')
    openssl(['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', join(this.directory, 'ca.key'), '-out', this.caPath, '-days', '30', '-subj', '/CN=millrace test authority'])
    this.ca = readFileSync(this.caPath, 'utf8')
  }

  issue({ subject, names, isExpired = false }: IssueOptions): Issued {
    const at = join(this.directory, String(this.#count++))
    const extensions = `basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n${names === undefined ? '' : `subjectAltName=${names}\n`}`
    writeFileSync(`${at}.ext`, extensions)
    openssl(['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', `${at}.key`, '-out', `${at}.csr`, '-subj', subject])
    openssl(['x509', '-req', '-in', `${at}.csr`, '-CA', this.caPath, '-CAkey', join(this.directory, 'ca.key'), '-CAcreateserial', '-extfile', `${at}.ext`, '-out', `${at}.pem`, '-days', isExpired ? '-1' : '30'])
    return { cert: readFileSync(`${at}.pem`, 'utf8'), key: readFileSync(`${at}.key`, 'utf8'), certPath: `${at}.pem`, keyPath: `${at}.key` }
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
