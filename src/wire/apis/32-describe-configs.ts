/**
 * DescribeConfigs (32). Resource types: 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
 *
 * Version notes: v1 source and synonyms in place of "is default" · v3 type and documentation · v4 flexible.
 */
import { array, bool, defineApi, field, int16, int32, int8, nullableArray, nullableString, string, struct } from '../schema.ts'

export const describeConfigs = defineApi({
  key: 32,
  name: 'DescribeConfigs',
  versions: [1, 4],
  flexibleFrom: 4,
  request: struct({
    resources: array(struct({ resourceType: int8, resourceName: string, configurationKeys: nullableArray(string) })),
    includeSynonyms: field(bool, { versions: '1+', default: false }),
    includeDocumentation: field(bool, { versions: '3+', default: false }),
  }),
  response: struct({
    throttleTimeMs: field(int32, {}),
    results: array(struct({
      errorCode: int16,
      errorMessage: nullableString,
      resourceType: int8,
      resourceName: string,
      configs: array(struct({
        name: string,
        value: nullableString,
        readOnly: bool,
        configSource: field(int8, { versions: '1+', default: -1 }),
        isSensitive: bool,
        synonyms: field(array(struct({ name: string, value: nullableString, source: int8 })), { versions: '1+' }),
        configType: field(int8, { versions: '3+', default: 0 }),
        documentation: field(nullableString, { versions: '3+', default: null }),
      })),
    })),
  }),
})
