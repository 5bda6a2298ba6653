"""Writes each text into OBX-5 and NTE-3 with a library: `python_writers.py hl7|hl7apy < texts.json`, messages as base64."""

import base64
import json
import sys


def with_hl7(number, text):
    import hl7

    segments = [
        f"MSH|^~\\&|LAB|ZV801|TIE|ZV802|20260301120000||ORU^R01|C{number}|P|2.4",
        "PID|1||L1^^^ZV801^MR||GULL^ANN||19440101|F",
        "OBR|1||R1|GLU^Glucose^L|||20260301",
        "OBX|1|TX|X^Y^L||||||||F",
        "NTE|1|L|",
    ]
    message = hl7.parse("\r".join(segments) + "\r")
    # As its documentation has it: what is set is escaped first.
    text = message.escape(text)
    message.segment("OBX")[5] = hl7.Field("~", [text])
    message.segment("NTE")[3] = hl7.Field("~", [text])
    return str(message)


def with_hl7apy(number, text):
    from hl7apy.core import Message

    message = Message("ORU_R01", version="2.4")
    message.msh.msh_3, message.msh.msh_4 = "LAB", "ZV801"
    message.msh.msh_5, message.msh.msh_6 = "TIE", "ZV802"
    message.msh.msh_7, message.msh.msh_9 = "20260301120000", "ORU^R01"
    message.msh.msh_10, message.msh.msh_11 = f"C{number}", "P"
    result = message.add_group("ORU_R01_PATIENT_RESULT")
    patient = result.add_group("ORU_R01_PATIENT").add_segment("PID")
    patient.pid_3, patient.pid_5 = "L1^^^ZV801^MR", "GULL^ANN"
    order = result.add_group("ORU_R01_ORDER_OBSERVATION")
    request = order.add_segment("OBR")
    request.obr_3, request.obr_4 = "R1", "GLU^Glucose^L"
    group = order.add_group("ORU_R01_OBSERVATION")
    observation, note = group.add_segment("OBX"), group.add_segment("NTE")
    observation.obx_2, observation.obx_3, observation.obx_11 = "TX", "X^Y^L", "F"
    note.nte_1 = "1"
    observation.obx_5 = text
    note.nte_3 = text
    return message.to_er7()


write = {"hl7": with_hl7, "hl7apy": with_hl7apy}[sys.argv[1]]
out = []
for number, text in enumerate(json.load(sys.stdin)):
    try:
        out.append(base64.b64encode(write(number, text).encode()).decode())
    except Exception as error:  # the library refuses the text: nothing is sent
        out.append(None)
        print(f"{sys.argv[1]} does not write text {number}: {type(error).__name__}", file=sys.stderr)
json.dump(out, sys.stdout)
