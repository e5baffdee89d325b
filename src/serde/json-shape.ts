/** How a declared value looks inside a JSON document: what the scanner, the writer and the reference decoder are made from. */
export type JsonShape =
  | { readonly kind: 'text' }
  | { readonly kind: 'int32' }
  | { readonly kind: 'int64' }
  | { readonly kind: 'f64' }
  | { readonly kind: 'bool' }
  /** Any JSON value, as `JSON.parse` gives it. */
  | { readonly kind: 'any' }
  /** Any JSON value that `check` takes; it returns the value to give, or throws `SERDE_FAILED`. */
  | { readonly kind: 'checked'; readonly check: (value: unknown) => unknown }
  /** Absent or null is `undefined`. */
  | { readonly kind: 'optional'; readonly of: JsonShape }
  | { readonly kind: 'list'; readonly of: JsonShape }
  /** `side` is a number that is read too and left in `cursor.side`, also where it is not one of the fields of the value. */
  | { readonly kind: 'record'; readonly fields: readonly JsonField[]; readonly side?: JsonField | undefined }

export interface JsonField {
  readonly name: string
  readonly shape: JsonShape
}
