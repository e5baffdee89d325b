import java.util.Properties;

/** What the harness tells each contender, by environment; bench/README.md lists it. */
public final class Setting {
    public static final String BOOTSTRAP = of("BOOTSTRAP"), JOB = of("JOB"), INPUT = of("INPUT"), OUTPUT = of("OUTPUT"), NAME = of("NAME"), TABLE = of("TABLE"), DIRECTORY = of("DIRECTORY");
    public static final String COMPRESSION = of("COMPRESSION"), STATE = of("STATE"), EMISSION = of("EMISSION");
    public static final int PARTITIONS = Integer.parseInt(of("PARTITIONS")), THREADS = Integer.parseInt(of("THREADS"));
    public static final long COMMIT_MS = Long.parseLong(of("COMMIT_MS")), GRACE_MS = Long.parseLong(of("GRACE_MS"));
    public static final boolean EXACTLY_ONCE = of("GUARANTEE").equals("exactly-once");

    private Setting() {}

    private static String of(String name) {
        String value = System.getenv("BENCH_" + name);
        if (value == null) throw new IllegalArgumentException("BENCH_" + name + " is not set");
        return value;
    }

    public static Properties properties(String... namesAndValues) {
        Properties properties = new Properties();
        for (int i = 0; i < namesAndValues.length; i += 2) properties.put(namesAndValues[i], namesAndValues[i + 1]);
        return properties;
    }
}
