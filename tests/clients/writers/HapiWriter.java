import ca.uhn.hl7v2.model.v24.datatype.TX;
import ca.uhn.hl7v2.model.v24.message.ORU_R01;
import ca.uhn.hl7v2.util.Terser;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Scanner;

/** Writes each text (one line of base64) into OBX-5 and NTE-3 with HAPI HL7v2; prints messages as lines of base64. */
class HapiWriter {
    public static void main(String[] args) throws Exception {
        Scanner in = new Scanner(System.in, StandardCharsets.UTF_8);
        for (int number = 0; in.hasNextLine(); number++) {
            String text = new String(Base64.getDecoder().decode(in.nextLine()), StandardCharsets.UTF_8);
            ORU_R01 message = new ORU_R01();
            message.initQuickstart("ORU", "R01", "P");
            Terser terser = new Terser(message);
            terser.set("MSH-3", "LAB");
            terser.set("MSH-4", "ZV801");
            terser.set("MSH-7", "20260301120000");
            terser.set("MSH-10", "C" + number);
            terser.set("/.PID-3-1", "L1");
            terser.set("/.PID-3-4", "ZV801");
            terser.set("/.PID-5-1", "GULL");
            terser.set("/.OBR-3-1", "R1");
            terser.set("/.OBR-4-1", "GLU");
            terser.set("/.OBX-2", "TX");
            terser.set("/.OBX-3-1", "X");
            terser.set("/.OBX-11", "F");
            var observation = message.getPATIENT_RESULT().getORDER_OBSERVATION().getOBSERVATION();
            TX value = new TX(message);
            value.setValue(text);
            observation.getOBX().getObservationValue(0).setData(value);
            observation.getNTE().getComment(0).setValue(text);
            System.out.println(Base64.getEncoder().encodeToString(message.encode().getBytes(StandardCharsets.UTF_8)));
        }
    }
}
