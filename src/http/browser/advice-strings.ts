/**
 * What `millrace advise` says, in Chinese: by its rule, and by the option to change. In English the server's own words are shown, which are the command's.
 * A rule or an option that is not here is shown in those words; a test sees that every rule is here, and every option that an advice may name.
 */
export const PROBLEMS_ZH: Readonly<Record<string, string>> = {
  stopped: '没有人运行 {task}，它的输入在等待。',
  failed: '{task} 已失败，它的输入在等待。',
  restoring: '{task} 正在恢复状态；在此之前它不处理任何记录。',
  rebalancing: '{task} 的分片正在换手。',
  unowned: '{task} 的部分分区无人负责。',
  'transaction-open': '一个未结束的事务使 {task}（以及所有读已提交的读者）看不到后面的记录。',
  'hot-partition': '{task} 读取的一个分区超出了一个 worker 的能力，而其他 worker 还有余力。',
  uneven: '{task} 的负载分配不均。',
  'too-few-partitions': '{task} 无法用上更多 worker 或实例：它读取的分区不够。',
  'more-workers': '{task} 受处理器限制：它的所有 worker 都已满负荷。',
  'idle-workers': '有 worker 无事可做：没有任何任务的分片给它们。',
  'commit-throughput': '{task} 被自己的提交拖慢。',
  'commit-latency': '{task} 的结果在等待下一次提交，而不是在等待计算。',
  output: 'broker 接收 {task} 输出的速度不够快。',
  fetch: '{task} 在等待 broker 上已有的记录。',
  parallelism: '{task} 以目前的并行度太慢。',
  'checkpoint-cost': '{task} 把大量时间花在检查点上。',
  'checkpoint-latency': '{task} 的结果在等待下一个检查点或批次，而不是在等待计算。',
  'rate-limit': '{task} 的限速低于记录到达的速度。',
  replicas: '集群有多个 broker，但有主题只有一个副本：那个 broker 一旦失去，就没有人能读写它们。',
}

/** What to do where no option helps, by rule. */
export const CHANGES_ZH: Readonly<Record<string, string>> = {
  stopped: '启动它：millrace job start {task}（我们自己的任务：millrace start …）',
  failed: '排除原因后启动它：millrace job start {task}（我们自己的任务：millrace start …）',
  restoring: '等待。若想少恢复一些：重启时保留数据目录（--data）',
  rebalancing: '等几秒。若反复出现，查看是否有进程不断重启（millrace job ls，本页）',
  unowned: '查看消费组里是否有成员停住：millrace group describe；10 秒后它会失去分片',
  'transaction-open': '重新启动事务的所有者，它会结束遗留的事务；或等它超时。缩短所有者的提交或检查点间隔，占住的时间就更短',
  'hot-partition': '使用更细的键，或在记录上路之前按键合并：任何分配都无法拆开一个分区。millrace plan --bootstrap … 会指出热键',
  uneven: '等一分钟：测出差异后，分片会在进程之间移动；同一进程的线程之间不会，因此用更多进程代替线程',
  'more-workers': '更多 worker：millrace start … --processes N，或在另一台机器上启动同一个应用',
  'idle-workers': '减少进程或线程',
}

/** By the option's last word: what its change costs. */
export const COSTS_ZH: Readonly<Record<string, string>> = {
  commitInterval: '更短：每次一个事务及其标记；更长：结果更晚，出错后重做更多',
  drainedCommit: '更短：延迟更低，事务更多；更长：反之',
  batch: '更大：每个分区更多内存，且主题须接受这样大的消息；更小：请求更多',
  fetch: '更大：更多内存；更小：任务要等待 broker',
  instances: '每个一个进程，每次改变都有一次再均衡；多于分区数的会闲置',
  parallelism: '每个一个槽位或线程；多于分区数的会闲置；改变时作业先停下（Flink 先做保存点）再启动',
  checkpointInterval: '更短：状态写得更频繁，事务更多；更长：结果更晚。须低于事务超时',
  trigger: '更短：每批都有计划和检查点的开销；更长：结果更晚',
  maxOffsetsPerTrigger: '更低：追上需要更久；更高或不限：停顿之后的第一批会很久，被杀后要重做',
  partitions: '文件、内存和每次提交的一个标记；以后再增加会使键换位置',
  replicas: '每个副本都占磁盘和网络，确认要等同步副本',
}
