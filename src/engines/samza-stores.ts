/**
 * Stores of a Samza application whose state a kill may take to another place than its positions, found in the configuration that Samza writes into its log.
 *
 * SS1. At a commit Samza (1.8.0) flushes its producers, then its stores, and then asks Kafka where the changelog ends: that place is the checkpoint's
 *      (`TaskInstance.commit`, `TaskStorageCommitManager.snapshot`). What the object cache held back is sent in between and not waited for, so two checkpoints
 *      may have one place. At a start it looks for the store's copy by that place and not by the checkpoint's id, and takes whichever it comes upon first
 *      (`TransactionalStateTaskRestoreManager.getStoreActions`). Without the cache each change is sent before the flush: one place, one content.
 */
const CONFIGURATION = /SamzaContainer\$? - Using configuration: \{(.*)\}/
const CHANGELOG = /(?:^|, )stores\.([^=,{}]+?)\.changelog=/g

/** Stores with a changelog behind an object cache; none of a line that is not the configuration. */
export function cachedStores(line: string): readonly string[] {
  const [, settings] = CONFIGURATION.exec(line) ?? []
  if (settings === undefined) return []
  return [...settings.matchAll(CHANGELOG)].flatMap(([, store = '']) => `, ${settings},`.includes(`, stores.${store}.object.cache.size=0,`) ? [] : [store]).sort()
}

export const cachedStoreWarning = (task: string, stores: readonly string[]): string =>
  `task '${task}': Samza keeps ${stores.join(', ')} behind an object cache, and after a kill the state may not fit the positions: counts can be off without a record lost or doubled. Say withObjectCacheSize(0) of the table, or stores.${stores[0] ?? ''}.object.cache.size=0 in config.`
