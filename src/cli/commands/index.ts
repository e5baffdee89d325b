/** The one list of commands: parsing, help and completion come from it. */
import type { Command } from '../command.ts'
import { brokerStart } from './broker.ts'
import { demoRecommender } from './demo.ts'
import { groupDescribe, groupList, groupReset } from './group.ts'
import { lag } from './lag.ts'
import { start } from './start.ts'
import { topicDescribe, topicList, topicNew, topicRemove } from './topic.ts'
import { topicProduce } from './topic-produce.ts'
import { topicTail } from './topic-tail.ts'

export const COMMANDS: readonly Command[] = [
  demoRecommender, start,
  topicList, topicNew, topicDescribe, topicTail, topicProduce, topicRemove,
  groupList, groupDescribe, groupReset,
  lag,
  brokerStart,
]
