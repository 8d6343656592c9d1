import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What the harness asks for, and how it is told how far this is: by the times of files, as in task.py. */
final class Task {
    final String bootstrapServers = given("BOOTSTRAP_SERVERS");
    final String input = given("INPUT");
    final String output = given("OUTPUT");
    final String group = given("GROUP");
    final Path directory = Path.of(given("DIRECTORY"));
    private final long events = Long.parseLong(given("EVENTS"));
    private long read; // by the one stream thread alone

    private static String given(String name) {
        return System.getenv("BENCH_" + name);
    }

    void countRead() {
        if (read++ == 0) {
            tell("started");
        }
        if (read == events) {
            tell("all-read");
        }
    }

    private void tell(String name) {
        try {
            Files.createFile(directory.resolve(name));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
