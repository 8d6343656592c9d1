import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.streams.processor.TimestampExtractor;

/** What the meters need of a usage event, read as a stream of tokens: no tree is built. */
final class Event {
    private static final Set<String> BILLED_MODELS = Set.of("gpt-4", "claude-3");

    String name;
    String model;
    String region;
    long tokens;
    long timestamp;

    boolean isRequest() {
        return "llm.tokens".equals(name);
    }

    boolean isCallInEurope() {
        return "api.call".equals(name) && "eu".equals(region);
    }

    long billedTokens() {
        return BILLED_MODELS.contains(model) ? tokens : 0;
    }

    /** Reads events, and tells of the first and of the last. */
    static final class Reader implements Deserializer<Event> {
        private static final JsonFactory JSON = new JsonFactory();
        private final Task task;
        private final Moments moments = new Moments();

        Reader(Task task) {
            this.task = task;
        }

        @Override
        public Event deserialize(String topic, byte[] value) {
            if (value == null) {
                return null;
            }
            task.countRead();
            Event event = new Event();
            try (JsonParser parser = JSON.createParser(value)) {
                JsonToken token;
                while ((token = parser.nextToken()) != null) {
                    if (token == JsonToken.FIELD_NAME) {
                        take(event, parser);
                    }
                }
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            return event;
        }

        private void take(Event event, JsonParser parser) throws IOException {
            switch (parser.currentName()) {
                case "event_name" -> event.name = parser.nextTextValue();
                case "timestamp" -> event.timestamp = moments.of(parser.nextTextValue());
                case "model" -> event.model = parser.nextTextValue();
                case "region" -> event.region = parser.nextTextValue();
                case "tokens" -> event.tokens = Long.parseLong(parser.nextTextValue());
                default -> parser.nextToken();
            }
        }
    }

    /** Parses RFC 3339 in UTC; the minute last met is remembered, for the next event is most often of it. */
    private static final class Moments {
        private String minute = "";
        private long start;

        long of(String timestamp) {
            if (!timestamp.startsWith(minute) || minute.isEmpty()) {
                minute = timestamp.substring(0, 16);
                start = Instant.parse(minute + ":00Z").toEpochMilli();
            }
            int seconds = (timestamp.charAt(17) - '0') * 10 + timestamp.charAt(18) - '0';
            return start + seconds * 1_000L;
        }
    }

    /** Event time; a control record, which has no event, has the broker's. */
    public static final class Time implements TimestampExtractor {
        @Override
        public long extract(ConsumerRecord<Object, Object> record, long partitionTime) {
            return record.value() instanceof Event event ? event.timestamp : record.timestamp();
        }
    }
}
