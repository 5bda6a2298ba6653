//! Rules that formats share: what is told alike whatever the format. Two tables may not give one id two severities.

crate::rules! {
    // The input as a whole.
    INPUT_READ Fatal Exception "input-read" "the input could not be read to its end"
        "send it again; if it fails again, tell the operator";
    INPUT_TOO_LONG Fatal TooLong "input-too-long" "the input is longer than {} MiB" "send it in smaller parts";
    TOO_COSTLY Fatal TooLong "too-costly" "the input has so many items that its translation would need more than {} MiB of memory"
        "send it in smaller parts, or ask the operator to raise limits.translation_bytes";
    TOO_DENSE Fatal TooLong "too-dense"
        "the input has so many items for its size that its translation would need more than {} times as much memory as the input has bytes"
        "send it in smaller parts: what people write has more than a few bytes in each item";
    OUTPUT_TOO_LARGE Error TooLong "output-too-large"
        "what would be written of this record needs more than {} times as much memory as was sent; the record was refused, and is kept in the original"
        "send it in smaller parts";
    NO_ENCODER Fatal NotSupported "no-encoder" "this format is read and not written by Causeway"
        "choose a route in a format that is written: `causeway adapters` lists them";
    // Values.
    LOCAL_TIME_TWICE Warning Value "local-time-doubtful"
        "this local time occurred twice, as the clocks went back; the first of the two was taken"
        "send the time with its offset from UTC";
    LOCAL_TIME_ABSENT Warning Value "local-time-doubtful"
        "this local time did not occur, as the clocks went forward; its digits were kept"
        "send the time with its offset from UTC";
    CONTROL_CHARACTER Warning Value "control-character"
        "the value holds control characters, which FHIR forbids in a text; they were left out"
        "find out what writes them: a NUL or escape character in a record is a fault of software";
    CHARACTER_LOST Warning Value "character-lost"
        "the text holds U+FFFD, which programs write in the place of a character that they could not read; it was carried as it stands"
        "find out which program on the way lost the character, and send the text as it was written";
    NHS_SHAPE Warning Value "nhs-number-shape"
        "an NHS number has ten digits; it was kept as stated, and not as an NHS number"
        "trace the person's NHS number, correct it at its source and send again";
    NHS_CHECK_DIGIT Warning Value "nhs-number-check-digit"
        "the check digit of the NHS number is wrong; it was kept as stated, and not as an NHS number"
        "a digit is wrong: trace the person's NHS number, correct it at its source and send again";
    NHS_FILLER Warning Value "nhs-number-filler"
        "the NHS number is a filler of ten equal digits; it was kept as stated, and not as an NHS number"
        "leave the number out where it is not known";
    NHS_SPACED Information Value "nhs-number-spaced"
        "the NHS number is written with blanks, hyphens, characters that do not show or .0 behind it; its digits were read" "nothing";
    NHS_SECOND Warning Conflict "nhs-number-second"
        "the source gives two different NHS numbers; the second was kept without the NHS number's system"
        "find out which of the two is the person's, and correct the other at its source";
    BIRTH_FUTURE Warning Value "birth-date-in-future"
        "the date of birth is after the day of receipt; its text was kept and not taken as a date"
        "correct the date of birth at its source";
    BIRTH_LONG_PAST Warning Value "birth-date-long-past"
        "the date of birth is more than 130 years ago; it was carried as it stands"
        "correct the date of birth at its source: systems write such days where they know none";
    DEATH_DOUBTFUL Warning Value "death-date-doubtful"
        "the date of death is after the day of receipt, before the date of birth, or one that no record speaks of; it was carried as it stands"
        "correct the date of death, or that of birth, at its source";
    DEATH_SENTINEL Warning Value "death-date-sentinel"
        "the date of death is a day that systems write where they know none, and nothing else says that the person has died; its text was kept and not taken as a date"
        "leave the date out where there is none";
    BIRTH_SENTINEL Warning Value "birth-date-sentinel"
        "the date of birth is a day that systems write where they know none; it was carried as it stands"
        "correct the date of birth at its source, or leave it out where it is not known";
    DATE_SENTINEL Warning Value "date-sentinel"
        "the date is a day that systems write where they know none; it was carried as it stands"
        "leave the date out where it is not known";
    DATE_IMPLAUSIBLE Warning Value "date-implausible"
        "the date is of a year that no record speaks of; it was carried as it stands" "correct the date at its source";
    DATE_IN_FUTURE Warning BusinessRule "date-in-future"
        "what is told as having happened lies in the future; it was kept as stated" "correct the date at its source";
    IDENTIFIER_ROUNDED Warning Value "identifier-rounded"
        "an identifier is written as a rounded number, as spreadsheet programs do; digits of it are lost, and others may have the same"
        "send the identifier with all its digits: make the file again with this column as text";
    IDENTIFIER_FILLER Warning Value "identifier-filler"
        "what stands in the place of an identifier says that there is none, as NULL, unknown or a spreadsheet's error do; others may have the same"
        "leave the identifier out where it is not known";
    IDENTIFIER_POINT_ZERO Warning Value "identifier-point-zero"
        "an identifier of digits has .0 behind it, as programs write a column of numbers that has an empty cell; it was carried as it stands"
        "send the identifier as it is: make the file again with this column as text";
    PHONE_ZERO Warning Value "telephone-zero-lost"
        "the telephone number may have lost the zero that it begins with, as numbers in spreadsheets do; it was carried as it stands"
        "send the number as text: make the file again with this column as text";
    IDENTIFIER_INVISIBLE Information Value "identifier-invisible"
        "an identifier or telephone number holds characters that do not show, as copying leaves them; they were left out" "nothing";
    SNOMED_NO_CODE Warning CodeInvalid "snomed-no-code"
        "the code can be none of SNOMED CT or dm+d, by its form; it was kept without its system"
        "send the code with all its digits: spreadsheet programs round long numbers";
    SNOMED_CHECK_DIGIT Warning CodeInvalid "snomed-check-digit"
        "the check digit of the code is wrong, so it can be none of SNOMED CT or dm+d; it was carried as it stands"
        "correct the code at its source: spreadsheet programs round numbers of more than 15 digits";
    SOURCE_ID_REPEATED Warning Duplicate "source-id-repeated"
        "two records of the source that become {} have the same id; both were kept"
        "give each record of the source an id of its own";
    PERIOD_REVERSED Warning Value "period-reversed" "the end is before the start; the end was left out"
        "correct the two times at their source";
    END_SENTINEL Warning Value "end-sentinel" "the end is a day that systems write for no end; it was left out"
        "leave the end empty where there is none";
    START_SENTINEL Warning Value "start-sentinel" "the start is a day that systems write where they know none; it was left out"
        "leave the start empty where it is not known";
    // The account.
    ITEMS_UNSUPPORTED Information NotSupported "items-unsupported"
        "{} source items have no place in the output; they are kept in the original, and the ledger names each"
        "look at the ledger for what is not carried; nothing is wrong with the message";
    // Tables of text.
    HEADING_CHARSET Fatal Structure "heading-charset" "the file is in UTF-16; save it as CSV in UTF-8" "save the file again as CSV UTF-8";
    HEADING_SEPARATOR Fatal Structure "heading-separator" "{}" "save the file again with commas between the cells";
    HEADING_SEPARATOR_LINE Fatal Structure "heading-separator-line" "{}" "take the line out and send the file again";
    HEADING_NOT_FIRST Fatal Structure "heading-not-first" "{}" "take out what stands above the heading and send the file again";
    // XML.
    XML_EMPTY Fatal Structure "xml-empty" "the input holds no XML element";
    XML_CHARSET Fatal NotSupported "xml-charset" "the XML is in a character set that is not read" "send UTF-8";
    XML_DOCTYPE Fatal NotSupported "xml-doctype" "the XML has a document type definition, which is refused for safety"
        "send the document without its DOCTYPE";
    XML_ENTITY Fatal Structure "xml-entity" "the XML refers to an entity that XML does not define";
    XML_CHARACTER Fatal Structure "xml-character" "the XML refers to a character that XML does not allow";
    XML_SYNTAX Fatal Structure "xml-syntax" "the XML is not well formed";
    XML_END_TAG Fatal Structure "xml-end-tag" "the XML has an end tag that does not match its start tag";
    XML_TRUNCATED Fatal Structure "xml-truncated" "the XML ends before its last element does"
        "the message was cut off on its way: send it again";
    XML_NAME Fatal Structure "xml-name" "the XML has an element whose name XML does not allow";
    XML_ATTRIBUTE Fatal Structure "xml-attribute" "the XML has a malformed or repeated attribute";
    XML_OUTSIDE_ROOT Fatal Structure "xml-outside-root" "the XML has content outside its root element";
    XML_DEPTH Fatal TooLong "xml-depth" "the XML is nested too deeply";
    XML_ATTRIBUTES Fatal TooLong "xml-attributes" "an XML element has too many attributes";
    XML_NODES Fatal TooLong "xml-nodes" "the XML has too many elements";
    XML_LENGTH Fatal TooLong "xml-length" "an XML name or value is too long";
    // Local maps.
    LOCAL_MAP_VALUE Warning Value "local-map-value"
        "a local map names this place, and its value is not of the type that the map says; it was kept only in the original"
        "correct the value at its source, or the type in the local map";
    LOCAL_MAP_TAKEN Warning Conflict "local-map-taken"
        "a local map names an element that has another value already; this value was kept only in the original"
        "a person who knows the sender must say which is right; name another element in the local map";
    LOCAL_MAP_NOWHERE Warning NotFound "local-map-nowhere"
        "a local map names a resource that this message has not, or has several of; the value was kept only in the original"
        "name a resource in the local map of which each message has one";
    LOCAL_MAP_CODE Warning CodeInvalid "local-map-code"
        "the local map's table of codes has not this code; its words were kept" "add the code to the table of the local map";
    LOCAL_MAP_INVALID Warning BusinessRule "local-map-invalid"
        "what a local map says here would make the resource invalid; it was left out"
        "correct the local map; its guide says what it may name";
    // HL7 version 3.
    ELEMENT_REPEATED Warning NotSupported "element-repeated"
        "the element stands here again, where one is read; this one is kept only in the original" "read both in the original";
    CODE_SYSTEM_UNKNOWN Warning CodeInvalid "code-system-unknown"
        "the code system is no OID; the code was kept without it" "name the code system by its OID";
    RANGE_REVERSED Warning Value "range-reversed"
        "the range ends below where it begins, which FHIR forbids; it was kept as text"
        "look at the value in the original; if it is wrong, correct it at its source and send again";
    UNIT_RESPELT Information Value "unit-respelt"
        "the code of the unit is another spelling than UCUM's usual one; that one was written, and the sender's kept as the unit's words where there were none"
        "nothing";
    UNIT_UNKNOWN Warning CodeInvalid "unit-unknown"
        "the code of the unit is none of UCUM, though it is called one; it was kept as the unit's words, or beside those that there are"
        "name the unit by its UCUM code at its source";
    AMOUNT_INVALID Warning Value "amount-invalid"
        "the amount is no decimal number; it was kept only in the original" "correct the amount at its source";
    AMOUNTS_DIFFER Warning Conflict "amounts-differ"
        "the amount and its translation differ; the one with the author's unit was carried"
        "look at the original before acting on the amount";
    // FHIR, as other versions of it and systems' own dialects have it.
    SYSTEM_RELATIVE Warning Value "system-relative"
        "the system is no absolute URI, which FHIR demands; its text was kept beside" "name the system by its whole URI";
    EXTENSION_RELATIVE Warning Structure "extension-relative"
        "the extension has no absolute URL, so nobody can know what it means; it was left out, and is kept in the original"
        "give the extension the whole URL of its definition";
    ATTACHMENT_SIZE Warning Conflict "attachment-size"
        "the size that is stated is not that of the data; the data were carried, and the size left out"
        "have the sending system state the number of bytes before they are encoded, or none";
    // JSON.
    JSON_SYNTAX Fatal Structure "json-syntax" "{}" "correct the document: the sentence and the position say where it breaks";
}
