import java.nio.ByteBuffer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;

/** What the three meters come to for one customer in one window. */
record Amounts(long requests, long tokens, long calls) {
    static final Amounts NONE = new Amounts(0, 0, 0);

    static Serde<Amounts> serde() {
        Serializer<Amounts> serializer = (topic, amounts) -> amounts == null ? null : amounts.toBytes();
        Deserializer<Amounts> deserializer = (topic, bytes) -> bytes == null ? null : fromBytes(bytes);
        return Serdes.serdeFrom(serializer, deserializer);
    }

    Amounts plus(Event event) {
        return event.isRequest()
            ? new Amounts(requests + 1, tokens + event.billedTokens(), calls)
            : new Amounts(requests, tokens, calls + 1);
    }

    /** The rows of a window, a line each; the message key is tenant/customer. */
    String rows(String key, long windowSeconds) {
        String where = "|" + key.replace('/', '|') + "|" + windowSeconds + "|";
        StringBuilder lines = new StringBuilder(160);
        append(lines, "bench.requests", where, requests);
        append(lines, "bench.tokens", where, tokens);
        append(lines, "bench.calls.eu", where, calls);
        return lines.toString();
    }

    private static void append(StringBuilder lines, String meter, String where, long amount) {
        if (amount != 0) {
            lines.append(lines.isEmpty() ? "" : "\n").append(meter).append(where).append(amount);
        }
    }

    private byte[] toBytes() {
        return ByteBuffer.allocate(24).putLong(requests).putLong(tokens).putLong(calls).array();
    }

    private static Amounts fromBytes(byte[] bytes) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        return new Amounts(buffer.getLong(), buffer.getLong(), buffer.getLong());
    }
}
