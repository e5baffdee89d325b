/**
 * The one list of commands: parsing, help and completion come from it.
 *
 * A command's module is loaded when it is asked for: what runs a broker has no use for the modules that run tasks or a status page, and a
 * process that holds them all is 20 MB larger and half a second later.
 */
import type { Command, CommandEntry } from '../command.ts'

export const COMMANDS: readonly CommandEntry[] = [
  { path: ['demo', 'recommender'], load: async () => (await import('./demo.ts')).demoRecommender },
  { path: ['demo', 'linked'], load: async () => (await import('./demo-linked.ts')).demoLinked },
  { path: ['start'], load: async () => (await import('./start.ts')).start },
  { path: ['plan'], load: async () => (await import('./plan.ts')).plan },
  { path: ['topology'], load: async () => (await import('./topology.ts')).topology },
  { path: ['topic', 'ls'], load: async () => (await import('./topic.ts')).topicList },
  { path: ['topic', 'new'], load: async () => (await import('./topic.ts')).topicNew },
  { path: ['topic', 'describe'], load: async () => (await import('./topic.ts')).topicDescribe },
  { path: ['topic', 'tail'], load: async () => (await import('./topic-tail.ts')).topicTail },
  { path: ['topic', 'produce'], load: async () => (await import('./topic-produce.ts')).topicProduce },
  { path: ['topic', 'rm'], load: async () => (await import('./topic.ts')).topicRemove },
  { path: ['group', 'ls'], load: async () => (await import('./group.ts')).groupList },
  { path: ['group', 'describe'], load: async () => (await import('./group.ts')).groupDescribe },
  { path: ['group', 'reset'], load: async () => (await import('./group.ts')).groupReset },
  { path: ['lag'], load: async () => (await import('./lag.ts')).lag },
  { path: ['follow'], load: async () => (await import('./follow.ts')).follow },
  { path: ['advise'], load: async () => (await import('./advise.ts')).advise },
  { path: ['job', 'ls'], load: async () => (await import('./job.ts')).jobList },
  { path: ['job', 'describe'], load: async () => (await import('./job.ts')).jobDescribe },
  { path: ['job', 'stop'], load: async () => (await import('./job.ts')).jobStop },
  { path: ['job', 'start'], load: async () => (await import('./job.ts')).jobStart },
  { path: ['job', 'restart'], load: async () => (await import('./job.ts')).jobRestart },
  { path: ['job', 'scale'], load: async () => (await import('./job.ts')).jobScale },
  { path: ['doctor'], load: async () => (await import('./doctor.ts')).doctor },
  { path: ['broker', 'start'], load: async () => (await import('./broker.ts')).brokerStart },
  { path: ['broker', 'status'], load: async () => (await import('./broker-status.ts')).brokerStatus },
  { path: ['broker', 'fsck'], load: async () => (await import('./broker-fsck.ts')).brokerFsck },
  { path: ['broker', 'user', 'add'], load: async () => (await import('./broker-user.ts')).brokerUserAdd },
  { path: ['broker', 'user', 'ls'], load: async () => (await import('./broker-user.ts')).brokerUserList },
  { path: ['broker', 'user', 'rm'], load: async () => (await import('./broker-user.ts')).brokerUserRemove },
  { path: ['engines', 'ls'], load: async () => (await import('./engines.ts')).enginesList },
  { path: ['engines', 'install'], load: async () => (await import('./engines.ts')).enginesInstall },
  { path: ['engines', 'classpath'], load: async () => (await import('./engines.ts')).enginesClasspath },
]

/** All of them, for what describes them. */
export function loadAll(): Promise<Command[]> {
  return Promise.all(COMMANDS.map(entry => entry.load()))
}
