import java.util.Properties;
import java.util.UUID;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** Starts a run of the workflow `hello` from Java: Publish [BROKER [NAME]]; prints the run's id. */
public class Publish {
    public static void main(String[] arguments) throws Exception {
        var broker = arguments.length > 0 ? arguments[0] : "127.0.0.1:9092";
        var name = arguments.length > 1 ? arguments[1] : "Ada";
        var runId = "hello-" + UUID.randomUUID().toString().substring(0, 8);
        // The same command_id means the same command: sent twice, it is carried out once.
        var command = """
            {"type": "StartRun", "command_id": "%s", "workflow": "hello", "inputs": {"name": "%s"}}""".formatted(runId, name);
        var topic = System.getenv().getOrDefault("MILLRACE_TOPIC_PREFIX", "") + "workflow.commands";

        var settings = new Properties();
        settings.put("bootstrap.servers", broker);
        settings.put("acks", "all");
        settings.put("enable.idempotence", "false"); // command_id does it, and the embedded broker has no producer ids
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            producer.send(new ProducerRecord<>(topic, runId, command)).get();
        }
        System.out.println(runId);
    }
}
