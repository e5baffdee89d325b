import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Flink in one JVM: job manager and one task manager without sockets between them, which can only help it. */
final class FlinkLocal {
    private FlinkLocal() {}

    static StreamExecutionEnvironment environment(boolean tuned) {
        Configuration settings = new Configuration();
        settings.setString("state.backend.type", Setting.STATE.equals("rocksdb") ? "rocksdb" : "hashmap");
        settings.setString("execution.checkpointing.interval", Setting.COMMIT_MS + " ms");
        settings.setString("execution.checkpointing.mode", Setting.EXACTLY_ONCE ? "EXACTLY_ONCE" : "AT_LEAST_ONCE");
        settings.setString("execution.checkpointing.dir", "file://" + Setting.DIRECTORY + "/checkpoints");
        settings.setString("execution.checkpointing.incremental", "true");
        settings.setString("io.tmp.dirs", Setting.DIRECTORY + "/tmp");
        settings.setString("taskmanager.memory.managed.size", "256m");
        settings.setString("taskmanager.memory.network.min", "128m");
        settings.setString("taskmanager.memory.network.max", "128m");
        settings.setString("restart-strategy.type", "none");
        if (tuned) settings.setString("pipeline.object-reuse", "true");
        if (tuned) settings.setString("execution.buffer-timeout.interval", "100 ms");
        return StreamExecutionEnvironment.createLocalEnvironment(Setting.THREADS, settings);
    }
}
