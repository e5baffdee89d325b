import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.SessionStore;

/** The same topologies as test/oracle/topologies.ts, by name. All keys and values are strings; states are strings that show how they were made. */
final class Topologies {
  record Built(Topology topology, List<String> outputs) {}

  static Built build(String name) {
    StreamsBuilder builder = new StreamsBuilder();
    List<String> outputs = new ArrayList<>(List.of("out"));
    switch (name) {
      case "stateless" -> builder.<String, String>stream("in").peek((key, value) -> {}).filter((key, value) -> value == null || !value.startsWith("x"))
          .mapValues((key, value) -> key + "=" + value).to("out");
      case "flatMap" -> builder.<String, String>stream("in").flatMapValues(value -> value == null ? List.of() : Arrays.asList(value.split(","))).to("out");
      case "branch" -> {
        var arms = builder.<String, String>stream("in").split()
            .branch((key, value) -> value != null && value.startsWith("a"), Branched.withConsumer(arm -> arm.to("outA")))
            .branch((key, value) -> value != null && value.startsWith("ab"), Branched.withConsumer(arm -> arm.to("outB")));
        arms.defaultBranch(Branched.withConsumer(arm -> arm.to("outC")));
        outputs = List.of("outA", "outB", "outC");
      }
      case "merge" -> builder.<String, String>stream("in").mapValues(value -> "1" + value).merge(builder.<String, String>stream("in2").mapValues(value -> "2" + value)).to("out");
      case "pass" -> builder.<String, String>stream("in").to("out");
      case "extractedTime" -> builder.stream("in", timed()).to("out");
      case "extractedTimeWindows" -> windows(builder.stream("in", timed()), TimeWindows.ofSizeAndGrace(Duration.ofMillis(10), Duration.ofMillis(5)), false);
      case "rekeyCount" -> builder.<String, String>stream("in").filter((key, value) -> value != null).groupBy((key, value) -> value.isEmpty() ? null : value.substring(0, 1)).count()
          .toStream().mapValues(String::valueOf).to("out");
      case "count" -> builder.<String, String>stream("in").groupByKey(Grouped.with(Serdes.String(), Serdes.String())).count().toStream().mapValues(String::valueOf).to("out");
      case "reduce" -> builder.<String, String>stream("in").groupByKey(Grouped.with(Serdes.String(), Serdes.String())).reduce((left, right) -> left + "+" + right).toStream().to("out");
      case "aggregate" -> builder.<String, String>stream("in").groupByKey(Grouped.with(Serdes.String(), Serdes.String())).aggregate(() -> "0", (key, value, state) -> "delete".equals(value) ? null : add(state, value)).toStream().to("out");
      case "tumbling" -> windows(builder, TimeWindows.ofSizeAndGrace(Duration.ofMillis(10), Duration.ofMillis(5)), false);
      case "tumblingNoGrace" -> windows(builder, TimeWindows.ofSizeWithNoGrace(Duration.ofMillis(10)), false);
      case "hopping" -> windows(builder, TimeWindows.ofSizeAndGrace(Duration.ofMillis(10), Duration.ofMillis(3)).advanceBy(Duration.ofMillis(4)), false);
      case "tumblingFinal" -> windows(builder, TimeWindows.ofSizeAndGrace(Duration.ofMillis(10), Duration.ofMillis(5)), true);
      case "windowCount" -> shown(builder.<String, String>stream("in").groupByKey(Grouped.with(Serdes.String(), Serdes.String())).windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMillis(10), Duration.ofMillis(5))).count().mapValues(String::valueOf));
      case "windowReduce" -> shown(builder.<String, String>stream("in").groupByKey(Grouped.with(Serdes.String(), Serdes.String())).windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMillis(10), Duration.ofMillis(5)))
          .reduce((left, right) -> left + "+" + right));
      case "session" -> sessions(builder, false, 1);
      case "sessionDefaultRetention" -> sessions(builder, false, 0);
      case "sessionFinal" -> sessions(builder, true, 1);
      case "sessionCount" -> shown(builder.<String, String>stream("in").groupByKey(Grouped.with(Serdes.String(), Serdes.String())).windowedBy(SessionWindows.ofInactivityGapAndGrace(Duration.ofMillis(10), Duration.ofMillis(5)))
          .count(Materialized.<String, Long, SessionStore<Bytes, byte[]>>with(Serdes.String(), Serdes.Long()).withRetention(Duration.ofMillis(16)))
          .mapValues(value -> value == null ? null : String.valueOf(value)));
      case "tableChanges" -> builder.<String, String>table("table").toStream().to("out");
      case "tableFilter" -> changes(builder.<String, String>table("table").filter((key, row) -> row.startsWith("a")).filter((key, row) -> !row.equals("ax") && !key.equals("z")));
      case "countFilter" -> changes(builder.<String, String>stream("in").groupByKey(Grouped.with(Serdes.String(), Serdes.String())).count().filter((key, count) -> count % 3 == 2).mapValues(String::valueOf));
      case "filteredJoin" -> builder.<String, String>stream("in").join(builder.<String, String>table("table").filter((key, row) -> !row.equals("b")), (value, row) -> value + "&" + row).to("out");
      case "filteredLeftJoin" -> builder.<String, String>stream("in").leftJoin(builder.<String, String>table("table").filter((key, row) -> !row.equals("b")), (value, row) -> value + "&" + row).to("out");
      case "join" -> builder.<String, String>stream("in").join(builder.<String, String>table("table"), (value, row) -> value + "&" + row).to("out");
      case "leftJoin" -> builder.<String, String>stream("in").leftJoin(builder.<String, String>table("table"), (value, row) -> value + "&" + row).to("out");
      case "joinAggregate" -> {
        KTable<String, String> counts = builder.<String, String>stream("in2").groupByKey(Grouped.with(Serdes.String(), Serdes.String())).count().mapValues(String::valueOf);
        builder.<String, String>stream("in").join(counts, (value, row) -> value + "&" + row).to("out");
      }
      case "globalJoin" -> global(builder, false);
      case "globalLeftJoin" -> global(builder, true);
      case "timers" -> builder.<String, String>stream("in").process(() -> new TimerProcessor(PunctuationType.STREAM_TIME)).to("out");
      case "wallTimers" -> builder.<String, String>stream("in").process(() -> new TimerProcessor(PunctuationType.WALL_CLOCK_TIME)).to("out");
      case "distinct" -> builder.<String, String>stream("in").process(DistinctProcessor::new).to("out");
      default -> throw new IllegalArgumentException("no topology " + name);
    }
    return new Built(builder.build(), outputs);
  }

  /** Values are their times; text that is no number has none. A record without value keeps its own: a time function is asked of values only. */
  private static Consumed<String, String> timed() {
    return Consumed.with(Serdes.String(), Serdes.String())
        .withTimestampExtractor((record, partitionTime) -> record.value() == null ? record.timestamp() : record.value() instanceof String text && text.matches("-?\\d+") ? Long.parseLong(text) : -1);
  }

  private static String add(String state, String value) {
    return state + "," + value;
  }

  private static void windows(StreamsBuilder builder, TimeWindows windows, boolean isFinal) {
    windows(builder.stream("in"), windows, isFinal);
  }

  private static void windows(KStream<String, String> stream, TimeWindows windows, boolean isFinal) {
    KTable<Windowed<String>, String> table = stream.groupByKey(Grouped.with(Serdes.String(), Serdes.String())).windowedBy(windows).aggregate(() -> "0", (key, value, state) -> add(state, value), Materialized.with(Serdes.String(), Serdes.String()));
    shown(isFinal ? table.suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded())) : table);
  }

  /** With the default retention (gap + grace) the store forgets a session one millisecond before the aggregation would refuse its records; one more agrees. */
  private static void sessions(StreamsBuilder builder, boolean isFinal, long moreRetentionMs) {
    KTable<Windowed<String>, String> table = builder.<String, String>stream("in").groupByKey(Grouped.with(Serdes.String(), Serdes.String()))
        .windowedBy(SessionWindows.ofInactivityGapAndGrace(Duration.ofMillis(10), Duration.ofMillis(5)))
        .aggregate(() -> "0", (key, value, state) -> add(state, value), (key, left, right) -> "(" + left + "|" + right + ")",
            Materialized.<String, String, SessionStore<Bytes, byte[]>>with(Serdes.String(), Serdes.String()).withRetention(Duration.ofMillis(15 + moreRetentionMs)));
    shown(isFinal ? table.suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded())) : table);
  }

  /** Behind a step that asks for old values, as ours are always known (K2): grouped by the same key, each group is the row itself. */
  private static void changes(KTable<String, String> table) {
    table.groupBy(KeyValue::pair, Grouped.with(Serdes.String(), Serdes.String())).reduce((state, added) -> added, (state, removed) -> null).toStream().to("out");
  }

  private static void shown(KTable<Windowed<String>, String> table) {
    table.toStream().map((window, value) -> KeyValue.pair(window.key() + "@" + window.window().start() + "-" + window.window().end(), value)).to("out");
  }

  private static void global(StreamsBuilder builder, boolean left) {
    GlobalKTable<String, String> table = builder.globalTable("table");
    KStream<String, String> stream = builder.stream("in");
    if (left) stream.leftJoin(table, (key, value) -> prefixOf(value), (value, row) -> value + "&" + row).to("out");
    else stream.join(table, (key, value) -> prefixOf(value), (value, row) -> value + "&" + row).to("out");
  }

  /** What is before the colon; null without one. */
  private static String prefixOf(String value) {
    return value == null || value.indexOf(':') < 0 ? null : value.substring(0, value.indexOf(':'));
  }

  /**
   * One-shot timers of keys on top of a punctuator that looks for what is due every millisecond. Values: "set NAME TIME", "cancel NAME", anything else
   * is kept as the key's state.
   */
  private static final class TimerProcessor implements Processor<String, String, String, String> {
    private final PunctuationType type;
    private final Map<String, String> states = new HashMap<>();
    /** time, then key, then name */
    private final TreeMap<Long, TreeMap<String, TreeMap<String, Boolean>>> timers = new TreeMap<>();

    TimerProcessor(PunctuationType type) {
      this.type = type;
    }

    @Override
    public void init(ProcessorContext<String, String> context) {
      context.schedule(Duration.ofMillis(1), type, now -> {
        while (!timers.isEmpty() && timers.firstKey() <= now) {
          long time = timers.firstKey();
          String key = timers.get(time).firstKey();
          String name = timers.get(time).get(key).firstKey();
          remove(time, key, name);
          context.forward(new Record<>(key, name + " fired with " + states.get(key), time));
        }
      });
    }

    @Override
    public void process(Record<String, String> record) {
      if (record.key() == null) return;
      String[] words = record.value().split(" ");
      if (words[0].equals("set")) {
        cancel(record.key(), words[1]);
        timers.computeIfAbsent(Long.parseLong(words[2]), time -> new TreeMap<>()).computeIfAbsent(record.key(), key -> new TreeMap<>()).put(words[1], true);
      } else if (words[0].equals("cancel")) {
        cancel(record.key(), words[1]);
      } else {
        states.put(record.key(), record.value());
      }
    }

    private void cancel(String key, String name) {
      for (Long time : new ArrayList<>(timers.keySet())) remove(time, key, name);
    }

    private void remove(long time, String key, String name) {
      var keys = timers.get(time);
      if (keys == null || !keys.containsKey(key)) return;
      keys.get(key).remove(name);
      if (keys.get(key).isEmpty()) keys.remove(key);
      if (keys.isEmpty()) timers.remove(time);
    }
  }

  /** Lets a value through unless an equal one of its key passed less than 10 ms away. Keeps everything for ever. */
  private static final class DistinctProcessor implements Processor<String, String, String, String> {
    private final Map<String, List<Long>> passed = new HashMap<>();
    private ProcessorContext<String, String> context;

    @Override
    public void init(ProcessorContext<String, String> context) {
      this.context = context;
    }

    @Override
    public void process(Record<String, String> record) {
      if (record.key() == null) return;
      List<Long> times = passed.computeIfAbsent(record.key() + "/" + record.value(), id -> new ArrayList<>());
      if (times.stream().anyMatch(time -> Math.abs(time - record.timestamp()) < 10)) return;
      times.add(record.timestamp());
      context.forward(record);
    }
  }
}
