import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;

/**
 * The three meters on Kafka Streams: one windowed state a customer, under the key the events have, so that nothing is
 * repartitioned. The one argument is the processing guarantee.
 */
public final class MetersTopology {
    private static final Duration WINDOW = Duration.ofMinutes(1);
    // Longer than any event is late: stores are cut into segments of half this, each a RocksDB of its own, and with
    // a grace of minutes an hour of events would open and drop dozens of them.
    private static final Duration GRACE = Duration.ofHours(2);

    public static void main(String[] arguments) throws InterruptedException {
        Task task = new Task();
        KafkaStreams streams = new KafkaStreams(topology(task).build(), settings(task, arguments[0]));
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(5))));
        streams.start();
        Thread.currentThread().join();
    }

    private static StreamsBuilder topology(Task task) {
        StreamsBuilder builder = new StreamsBuilder();
        Serde<Event> events = Serdes.serdeFrom(neverWritten(), new Event.Reader(task));
        builder.stream(task.input, Consumed.with(Serdes.String(), events))
            .filter((key, event) -> event != null && (event.isRequest() || event.isCallInEurope()))
            .groupByKey(Grouped.with(Serdes.String(), events))
            .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, GRACE))
            .aggregate(
                () -> Amounts.NONE,
                (key, event, amounts) -> amounts.plus(event),
                Materialized.with(Serdes.String(), Amounts.serde()))
            .toStream()
            .map((window, amounts) -> KeyValue.pair(
                window.key(), amounts.rows(window.key(), window.window().start() / 1_000)))
            .to(task.output, Produced.with(Serdes.String(), Serdes.String()));
        return builder;
    }

    private static Serializer<Event> neverWritten() {
        return (topic, event) -> {
            throw new IllegalStateException("events are only read");
        };
    }

    private static Properties settings(Task task, String guarantee) {
        Properties settings = new Properties();
        settings.put("application.id", task.group);
        settings.put("bootstrap.servers", task.bootstrapServers);
        settings.put("processing.guarantee", guarantee);
        settings.put("num.stream.threads", "1"); // it has one core
        settings.put("commit.interval.ms", "1000"); // rows go out with a commit
        settings.put("statestore.cache.max.bytes", "200000000");
        settings.put("state.dir", task.directory.resolve("state").toString());
        settings.put("default.timestamp.extractor", Event.Time.class.getName());
        settings.put("buffered.records.per.partition", "5000");
        settings.put("consumer.auto.offset.reset", "earliest");
        settings.put("consumer.max.poll.records", "5000");
        settings.put("consumer.max.partition.fetch.bytes", "4194304");
        settings.put("producer.compression.type", "lz4");
        settings.put("producer.batch.size", "131072");
        return settings;
    }
}
