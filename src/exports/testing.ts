/** `millrace/testing`: an app's own tests, on a simulated machine. */
export { testApp, type TestApp, type TestAppOptions } from '../testing/driver.ts'
export type { InputTopic, OutputRecord, OutputTopic, SendOptions } from '../testing/driver-topics.ts'
