//! Rules of this format: what is told, and what can be done about it.

causeway_adapter::rules! {
    NOTHING Error NotSupported "prescription-absent" "the message holds no prescription, release, dispense, claim or cancellation that is read";
    ITEM_MISSING Error Required "item-missing" "the message lacks what it can't do without: {}";
    PRESCRIPTION_ID Error Value "prescription-id" "the prescription's id has the wrong form or check character, so it can't be told which prescription is meant"
        "correct the id in the sending system and send the message again";
    SUPPLY_DURATION Warning Value "supply-duration" "the duration of the supply is no number of days; it was kept only in the original"
        "look at the original for how long the supply is to last";
    NEGATED Error Conflict "negated" "the message negates an item of the prescription; what is meant can't be told";
    TREATMENT_UNKNOWN Warning CodeInvalid "treatment-type-unknown" "the treatment type is in no table; the course of therapy was kept as text";
    CODE_UNKNOWN Warning CodeInvalid "code-unknown" "a code is in no table of this format; it was kept as it stands";
    DATE_LEFT_OUT Warning Value "date-left-out" "a date or time does not exist or is not in HL7 form; it was not carried as a date";
    AMOUNT_INVALID Warning Value "amount-invalid" "the amount is no decimal number; it was kept only in the original";
    LISTED_TOO_MANY Warning TooLong "medicines-listed" "the instructions list more medicines than {}; the text was kept as a note";
    NUMBER_NOT_VALID Warning Value "nhs-number-stated" "the patient's number fails the check; it was kept as stated, and not as an NHS number";
    KEPT_IN_ORIGINAL Information NotSupported "kept-in-original" "some details of the message have no place in FHIR; the ledger lists them, the first of them is here";
    WRITE_MISSING Fatal Required "order-incomplete" "a prescription order can't be written without {}"
        "give it in the bundle; nothing of a prescription is made up";
    WRITE_SEVERAL Fatal BusinessRule "order-several" "the items are of several prescriptions, or differ in their course, prescriber or time; an order is one prescription"
        "send a bundle for each prescription";
    WRITE_ITEMS Fatal TooLong "order-items" "the prescription has more than {} items"
        "send the others in another prescription";
    WRITE_SENSE Fatal BusinessRule "order-sense" "an item is no active order, or would be read otherwise than it is meant; a prescription is written whole or not at all";
    WRITE_UNREADABLE Fatal NotSupported "order-not-writable" "what was written could not be read again; nothing is sent";
}
