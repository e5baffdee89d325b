import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { refusal } from './flink/rest.ts'
import { causeOf } from './java-trace.ts'
import { placeInFile, statementsOf } from './sql-script.ts'

test('semicolons in strings, identifiers, comments and statement sets end nothing', () => {
  const script = `-- first; a comment
CREATE TABLE a (x STRING) WITH ('k' = 'it''s; here'); /* ; */
  CREATE TABLE \`b;c\` (x STRING);
EXECUTE STATEMENT SET
BEGIN
INSERT INTO a SELECT 1;
INSERT INTO b SELECT CASE WHEN x = 1 THEN 2 END FROM a;
END;
INSERT INTO d SELECT 3`
  const statements = statementsOf(script)
  assert.deepEqual(statements.map(each => [each.line, each.column, each.text.split('\n')[0]]), [
    [2, 1, "CREATE TABLE a (x STRING) WITH ('k' = 'it''s; here')"],
    [3, 3, 'CREATE TABLE `b;c` (x STRING)'],
    [4, 1, 'EXECUTE STATEMENT SET'],
    [9, 1, 'INSERT INTO d SELECT 3'],
  ])
  assert.match(statements[2]?.text ?? '', /END$/)
  assert.deepEqual(statementsOf('  -- nothing\n;;'), [])
})

test('an error\'s place is that of the file', () => {
  const [, second] = statementsOf('SELECT 1;\n  SELECT\n    2')
  assert.ok(second !== undefined)
  assert.deepEqual(placeInFile(second, 1, 3), { line: 2, column: 5 })
  assert.deepEqual(placeInFile(second, 2, 5), { line: 3, column: 5 })
  const trace = 'Internal server error.\n<Exception on server side:\norg.x.SqlGatewayException: no\n\tat a.b(C.java:1)\nCaused by: org.x.SqlParserException: SQL parse failed. Encountered "2" at line 2, column 5.\n\t... 7 more\nCaused by: org.y.Parse: Encountered "2" at line 2, column 5.'
  assert.match(refusal('f.sql', second, trace).message, /^f\.sql:3:5: Flink refuses this statement: org\.y\.Parse: Encountered "2" at line 2, column 5\.\n {2}2$/)
  assert.equal(causeOf('java.lang.IllegalStateException: gone\n\tat x'), 'java.lang.IllegalStateException: gone')
  assert.equal(causeOf(''), undefined)
})
