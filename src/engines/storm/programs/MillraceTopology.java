// The host of a `storm({ cluster })` task: hands the user's topology to a Storm cluster, tells how it does there, and takes it off when it is asked to end.
//
// Arguments: the user's main class, and its own. Properties: storm.jar, storm.options (nimbus.seeds and nimbus.thrift.port among them). The topology's name is
// `topology.name` of the file at MILLRACE_CONFIG. Each line that is meant for Millrace begins with `MILLRACE ` and is JSON.
//
// H1. A topology that this host, or one before it, has submitted is watched and not submitted again: its configuration holds a fingerprint of jar, settings and
//     arguments. One of the same name with another fingerprint is taken off first.
// H2. SIGTERM takes the topology off: its spouts stop first, and what is under way has WAIT_SECONDS to be acknowledged. A host that is killed leaves it running.
// H3. A Nimbus that does not answer changes nothing: the topology runs on, and it is asked again. One that was started again refuses to submit and to take off
//     until ZooKeeper has forgotten the one before it (`not a leader`, about its session's 20 s): both wait for a leader.
import java.lang.reflect.InvocationTargetException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.Properties;
import org.apache.storm.generated.ComponentAggregateStats;
import org.apache.storm.generated.ExecutorSummary;
import org.apache.storm.generated.KillOptions;
import org.apache.storm.generated.NimbusSummary;
import org.apache.storm.generated.NotAliveException;
import org.apache.storm.generated.TopologyInfo;
import org.apache.storm.generated.TopologyPageInfo;
import org.apache.storm.generated.TopologySummary;
import org.apache.storm.utils.NimbusClient;
import org.apache.storm.utils.Utils;

public class MillraceTopology {
    private static final String FINGERPRINT = "millrace.fingerprint";
    private static final int WAIT_SECONDS = 5;
    private static final long LEADER_MS_MAX = 60_000;
    private static final long GONE_MS_MAX = 20_000;
    private static final long SUBMITTED_MS_MAX = 60_000;
    private static final long LOOK_MS = 2_000;

    private static String name;
    private static Map<String, Object> conf;
    private static volatile boolean ending;

    public static void main(String[] args) throws Exception {
        Path settings = Path.of(System.getenv("MILLRACE_CONFIG"));
        Properties told = new Properties();
        try (var file = Files.newInputStream(settings)) {
            told.load(file);
        }
        name = told.getProperty("topology.name");
        String fingerprint = fingerprint(settings, args);
        System.setProperty("storm.options", System.getProperty("storm.options") + "," + URLEncoder.encode(FINGERPRINT + "=\"" + fingerprint + "\"", StandardCharsets.UTF_8));
        conf = Utils.readStormConfig();
        TopologySummary running = find();
        if (running != null && (running.get_status().equals("KILLED") || !fingerprint.equals(fingerprintOf(running.get_id())))) {
            say("{\"said\":\"a topology of this name is there, of another version or on its way off: it is taken off first\"}");
            takeOff();
            running = null;
        }
        if (running == null) {
            awaitLeader();
            submit(args);
        }
        Runtime.getRuntime().addShutdownHook(new Thread(MillraceTopology::end));
        watch();
    }

    /** H1. */
    private static String fingerprint(Path settings, String[] args) throws Exception {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        digest.update(Files.readAllBytes(Path.of(System.getProperty("storm.jar"))));
        digest.update(Files.readAllBytes(settings));
        digest.update(String.join("\0", args).getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(digest.digest());
    }

    @SuppressWarnings("unchecked")
    private static String fingerprintOf(String id) throws Exception {
        try (NimbusClient nimbus = nimbus()) {
            return String.valueOf(((Map<String, Object>) Utils.parseJson(nimbus.getClient().getTopologyConf(id))).get(FINGERPRINT));
        }
    }

    private static NimbusClient nimbus() {
        return NimbusClient.Builder.withConf(conf).build();
    }

    /** The topology of that name that is not being taken off. */
    private static TopologySummary find() throws Exception {
        try (NimbusClient nimbus = nimbus()) {
            return find(nimbus);
        }
    }

    private static TopologySummary find(NimbusClient nimbus) throws Exception {
        return nimbus.getClient().getClusterInfo().get_topologies().stream().filter(each -> each.get_name().equals(name)).findFirst().orElse(null);
    }

    /** H3. Returns also where none came: what is asked next says why. */
    private static void awaitLeader() throws Exception {
        for (long end = System.currentTimeMillis() + LEADER_MS_MAX; System.currentTimeMillis() < end; Thread.sleep(500)) {
            try (NimbusClient nimbus = nimbus()) {
                if (nimbus.getClient().getClusterInfo().get_nimbuses().stream().anyMatch(NimbusSummary::is_isLeader)) return;
            } catch (Exception unreachable) {
                say("{\"said\":" + json("Nimbus does not answer: " + unreachable) + "}");
            }
        }
    }

    /** The user's main, as `storm jar` runs it. */
    private static void submit(String[] args) throws Exception {
        Thread program = new Thread(() -> {
            try {
                Class.forName(args[0], true, Thread.currentThread().getContextClassLoader()).getMethod("main", String[].class).invoke(null, (Object) Arrays.copyOfRange(args, 1, args.length));
            } catch (InvocationTargetException thrown) {
                fail(thrown.getCause());
            } catch (Throwable thrown) {
                fail(thrown);
            }
        }, "main of " + args[0]);
        program.setContextClassLoader(ClassLoader.getSystemClassLoader());
        program.setDaemon(true);
        program.start();
        for (long end = System.currentTimeMillis() + SUBMITTED_MS_MAX; System.currentTimeMillis() < end; Thread.sleep(500)) {
            if (find() != null) return;
            if (!program.isAlive() && find() == null) break;
        }
        fail(new IllegalStateException("the main of " + args[0] + " has submitted no topology '" + name + "' to the cluster: it is to call StormSubmitter.submitTopology with the name that `topology.name` of $MILLRACE_CONFIG says, where `topology.submit` is `cluster`"));
    }

    private static void fail(Throwable thrown) {
        thrown.printStackTrace();
        Runtime.getRuntime().halt(1);
    }

    private static void watch() throws Exception {
        boolean runs = false;
        for (; !ending; Thread.sleep(LOOK_MS)) {
            try (NimbusClient nimbus = nimbus()) {
                TopologySummary summary = find(nimbus);
                if (summary == null || summary.get_status().equals("KILLED")) {
                    if (ending) return;
                    fail(new IllegalStateException("topology '" + name + "' is not on the cluster any more: somebody else has taken it off"));
                    return;
                }
                TopologyInfo info = nimbus.getClient().getTopologyInfo(summary.get_id());
                runs = info.get_executors_size() > 0 && info.get_executors().stream().allMatch(MillraceTopology::isUp);
                tell(nimbus.getClient().getTopologyPageInfo(summary.get_id(), ":all-time", false), runs);
            } catch (NotAliveException gone) {
                // Between the two questions: the next look says so.
            } catch (Exception unreachable) {
                say("{\"said\":" + json("Nimbus does not answer: " + unreachable) + "}");
            }
        }
    }

    /** Its worker has told of it. */
    private static boolean isUp(ExecutorSummary executor) {
        return executor.is_set_stats() && executor.get_uptime_secs() > 0;
    }

    private static void tell(TopologyPageInfo page, boolean runs) {
        double latency = -1;
        double capacity = -1;
        long acked = 0;
        long failed = 0;
        String error = null;
        int errorAt = -1;
        for (Map.Entry<String, ComponentAggregateStats> each : page.get_id_to_spout_agg_stats().entrySet()) {
            latency = Math.max(latency, each.getValue().get_specific_stats().get_spout().get_complete_latency_ms());
            acked += each.getValue().get_common_stats().get_acked();
            failed += each.getValue().get_common_stats().get_failed();
        }
        for (Map.Entry<String, ComponentAggregateStats> each : page.get_id_to_bolt_agg_stats().entrySet()) {
            if (!each.getKey().startsWith("__")) capacity = Math.max(capacity, each.getValue().get_specific_stats().get_bolt().get_capacity());
        }
        for (Map<String, ComponentAggregateStats> components : Arrays.asList(page.get_id_to_spout_agg_stats(), page.get_id_to_bolt_agg_stats())) {
            for (ComponentAggregateStats each : components.values()) {
                if (!each.is_set_last_error() || each.get_last_error().get_error_time_secs() <= errorAt) continue;
                error = each.get_last_error().get_error().lines().findFirst().orElse("");
                errorAt = each.get_last_error().get_error_time_secs();
            }
        }
        say("{\"topology\":" + json(page.get_id()) + ",\"runs\":" + runs + ",\"completeLatencyMs\":" + known(latency) + ",\"capacity\":" + known(capacity)
            + ",\"acked\":" + acked + ",\"failed\":" + failed + ",\"error\":" + (error == null ? "null" : json(error)) + "}");
    }

    private static String known(double value) {
        return value < 0 ? "null" : String.valueOf(value);
    }

    /** H2. */
    private static void end() {
        ending = true;
        try {
            takeOff();
        } catch (Exception error) {
            error.printStackTrace();
        }
    }

    private static void takeOff() throws Exception {
        KillOptions options = new KillOptions();
        options.set_wait_secs(WAIT_SECONDS);
        awaitLeader();
        try (NimbusClient nimbus = nimbus()) {
            nimbus.getClient().killTopologyWithOpts(name, options);
        } catch (NotAliveException gone) {
            return;
        }
        for (long end = System.currentTimeMillis() + GONE_MS_MAX; System.currentTimeMillis() < end && find() != null; Thread.sleep(250)) { /* Nimbus takes it off. */ }
    }

    private static void say(String text) {
        System.out.println("MILLRACE " + text);
    }

    private static String json(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char each : text.toCharArray()) out.append(each == '"' || each == '\\' ? "\\" + each : each < ' ' ? String.format("\\u%04x", (int) each) : each);
        return out.append('"').toString();
    }
}
