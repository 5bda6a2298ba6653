// Reads each file named with HAPI HL7v2 and says what it is and what PID-5 and PID-3 hold, one line each.
import ca.uhn.hl7v2.DefaultHapiContext;
import ca.uhn.hl7v2.model.Message;
import ca.uhn.hl7v2.util.Terser;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

public class Read {
    public static void main(String[] names) throws Exception {
        try (DefaultHapiContext context = new DefaultHapiContext()) {
            int bad = 0;
            for (String name : names) {
                String text = Files.readString(Path.of(name), StandardCharsets.UTF_8);
                try {
                    Message message = context.getPipeParser().parse(text);
                    Terser terser = new Terser(message);
                    long written = text.chars().filter(c -> c == '\r').count();
                    long again = message.encode().chars().filter(c -> c == '\r').count();
                    String family = terser.get("/.PID-5-1");
                    if (again != written) {
                        bad++;
                        System.out.println("BAD " + name + ": " + written + " segments written, " + again + " read");
                    } else {
                        System.out.println("ok " + message.getName() + " " + (family == null ? "" : family));
                    }
                } catch (Exception e) {
                    bad++;
                    System.out.println("BAD " + name + ": " + e);
                }
            }
            System.out.println(names.length + " messages, " + bad + " not read");
            System.exit(bad == 0 ? 0 : 1);
        }
    }
}
