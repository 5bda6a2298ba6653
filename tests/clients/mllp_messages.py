"""Invented HL7 v2 messages, made with the two libraries that send them."""

import datetime

import hl7
from hl7apy.core import Message

FAMILIES = ["LARKSPUR", "THISTLE", "SORREL", "YARROW", "BRAMBLE", "CAMPION", "TANSY", "MALLOW", "TEASEL", "BRYONY"]
GIVEN = ["EDITH", "HAROLD", "ANN", "PETER", "JOAN", "RUTH", "ALFRED", "MABEL", "STANLEY", "IRIS"]
#: Messages about one person: admission, two results, discharge.
EVENTS = ["ADT^A01", "ORU^R01", "ORU^R01", "ADT^A03"]
START = datetime.datetime(2026, 10, 1, 8, 0)


def nhs_number(serial):
    """The first valid number of the test range 999 at or after a serial number of six digits."""
    while True:
        digits = f"999{serial % 1_000_000:06}"
        check = (11 - sum(int(d) * w for d, w in zip(digits, range(10, 1, -1))) % 11) % 11
        if check < 10:
            return digits + str(check)
        serial += 1


class Facts:
    """What message number `at` of a run says; the control id tells run and number."""

    def __init__(self, run, at):
        person, self.event = at // len(EVENTS), EVENTS[at % len(EVENTS)]
        self.control_id = f"{run}{at:06}"
        self.time = START + datetime.timedelta(minutes=at)
        self.nhs = nhs_number(person * 11)
        self.local = f"CL{run}{person:06}"
        self.family = FAMILIES[person % 10]
        self.given = GIVEN[person // 10 % 10]
        self.born = f"{1930 + person % 40}{1 + person % 12:02}{1 + person % 28:02}"
        self.sex = str(1 + person % 2)
        self.visit = f"V{self.local}"
        self.value = str(3.5 + at % 20 / 10)
        # Every fourth person's system asks for the accept acknowledgement of the enhanced mode.
        self.accept = "AL" if person % 4 == 3 else ""
        self.application = "NE" if self.accept else ""

    @property
    def code(self):
        """The acknowledgement code that says yes."""
        return "CA" if self.accept else "AA"

    @property
    def at(self):
        return self.time.strftime("%Y%m%d%H%M%S")


def person(facts):
    return [
        "PID", "1", "", f"{facts.local}^^^AVH^PI~{facts.nhs}^^^NHS^NH", "", f"{facts.family}^{facts.given}^^^^^L", "",
        facts.born, facts.sex, "", "", f"{len(facts.family)} LANTERN ROW^^ASHBOURNE VALE^^ZZ99 3VZ^GBR^H", "",
        "01632960118^PRN^PH",
    ]


def of_hl7(run, at):
    """A message as `hl7` writes it: parsed from a frame of segments, its fields set through the library."""
    facts = Facts(run, at)
    header = ["MSH", "^~\\&", "PAS", "ZV801", "TIE", "ZV801", facts.at, "", "", "", "P", "2.4", "", "",
              facts.accept, facts.application]
    segments = [header]
    if facts.event == "ORU^R01":
        segments += [
            person(facts),
            ["OBR", "1", f"R{facts.control_id}^AVH", f"L{facts.control_id}^LAB", "UE^Urea and electrolytes^LAB", "", "",
             facts.at, "", "", "", "", "", "", facts.at, "BLDV&Venous blood"] + [""] * 6 + [facts.at, "", "CH", "F"],
            ["OBX", "1", "NM", "2823-3^Potassium^LN", "", facts.value, "mmol/L", "3.5-5.3", "", "", "", "F"],
            ["OBX", "2", "NM", "2951-2^Sodium^LN", "", str(130 + at % 15), "mmol/L", "133-146", "", "", "", "F"],
        ]
    else:
        leaving = facts.event == "ADT^A03"
        visit = ["PV1", "1", "I", "FRAIL^BAY2^BED6^ZV801", "21", "", "", "", "", "", "430"] + [""] * 8
        visit += [f"{facts.visit}^^^AVH^VN"] + [""] * 16 + (["1", "19"] if leaving else ["", ""]) + [""] * 6
        visit += [facts.at] + ([facts.at] if leaving else [])
        segments += [
            ["EVN", facts.event[4:], facts.at],
            person(facts),
            visit,
            ["DG1", "1", "", "S72.0^Fracture of neck of femur^I10", "", facts.at, "A"],
        ]
    message = hl7.parse("\r".join("|".join(segment) for segment in segments) + "\r")
    message["MSH.F9"] = facts.event
    message["MSH.F10"] = facts.control_id
    return facts, message


def of_hl7apy(run, at):
    """A message built element by element with `hl7apy`."""
    facts = Facts(run, at)
    result = facts.event == "ORU^R01"
    message = Message("ORU_R01" if result else "ADT_A01" if facts.event == "ADT^A01" else "ADT_A03", version="2.4")
    header = message.msh
    header.msh_3, header.msh_4, header.msh_5, header.msh_6 = "PAS", "ZV801", "TIE", "ZV801"
    header.msh_7, header.msh_9, header.msh_10, header.msh_11 = facts.at, facts.event, facts.control_id, "P"
    if facts.accept:
        header.msh_15, header.msh_16 = facts.accept, facts.application
    if result:
        group = message.add_group("ORU_R01_PATIENT_RESULT")
        patient = group.add_group("ORU_R01_PATIENT").add_segment("PID")
        order = group.add_group("ORU_R01_ORDER_OBSERVATION")
        request = order.add_segment("OBR")
        request.obr_1, request.obr_2, request.obr_3 = "1", f"R{facts.control_id}^AVH", f"L{facts.control_id}^LAB"
        request.obr_4, request.obr_7, request.obr_22 = "UE^Urea and electrolytes^LAB", facts.at, facts.at
        request.obr_24, request.obr_25 = "CH", "F"
        for number, (what, value, usual) in enumerate(
            [("2823-3^Potassium^LN", facts.value, "3.5-5.3"), ("2951-2^Sodium^LN", str(130 + at % 15), "133-146")], 1
        ):
            observation = order.add_group("ORU_R01_OBSERVATION").add_segment("OBX")
            observation.obx_1, observation.obx_2, observation.obx_3 = str(number), "NM", what
            observation.obx_5, observation.obx_6, observation.obx_7 = value, "mmol/L", usual
            observation.obx_11 = "F"
    else:
        event = message.add_segment("EVN")
        event.evn_1, event.evn_2 = facts.event[4:], facts.at
        patient = message.add_segment("PID")
        visit = message.add_segment("PV1")
        visit.pv1_1, visit.pv1_2, visit.pv1_3, visit.pv1_4 = "1", "I", "FRAIL^BAY2^BED6^ZV801", "21"
        visit.pv1_10, visit.pv1_19, visit.pv1_44 = "430", f"{facts.visit}^^^AVH^VN", facts.at
        if facts.event == "ADT^A03":
            visit.pv1_36, visit.pv1_37, visit.pv1_45 = "1", "19", facts.at
    patient.pid_1, patient.pid_5 = "1", f"{facts.family}^{facts.given}^^^^^L"
    patient.pid_3 = f"{facts.local}^^^AVH^PI"
    patient.add_field("PID_3").value = f"{facts.nhs}^^^NHS^NH"
    patient.pid_7, patient.pid_8 = facts.born, facts.sex
    patient.pid_11 = f"{len(facts.family)} LANTERN ROW^^ASHBOURNE VALE^^ZZ99 3VZ^GBR^H"
    return facts, message
