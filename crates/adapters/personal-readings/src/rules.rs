//! Rules of this format: what is told, and what can be done about it.

causeway_adapter::rules! {
    HEADING Fatal Structure "heading-missing" "no row of the file names a time and a reading"
        "save the file with a heading row such as Date, Time, Systolic (mmHg), Diastolic (mmHg)";
    ROWS Fatal TooLong "rows-too-many" "the file has more than {} rows"
        "send it in smaller parts";
    PERSON_ABSENT Error Required "person-absent" "the file does not say whose readings these are; it was refused"
        "add a column NHS number, or a row NHS number above the heading";
    PERSON_INVALID Error Value "person-invalid" "the NHS number fails its check; the row was refused, for it could reach a wrong record"
        "correct the NHS number and send the file again";
    TIME_ABSENT Error Required "time-absent" "the row has readings and no time; it was refused"
        "give the date and time when they were taken";
    TIME_INVALID Error Value "time-invalid" "the time is no date, or its day and month can't be told apart; the row was refused"
        "write the date as 2026-10-28 or 28/10/2026";
    TIME_ORDER Error Value "time-order" "other rows of the file have the month before the day, so which is which can't be told here; the row was refused"
        "write dates as 2026-10-28";
    ZONE Error Value "time-zone" "the time zone is none that is known; the row was refused"
        "write the zone as Europe/London or as +01:00";
    UNCLOSED Error Structure "quotation-unclosed" "a quotation mark is not closed, so the rest of the file stands in one cell; the row was refused"
        "close the quotation mark and send the file again";
    CONTROL Information NotSupported "control-test" "rows that the meter marks as a test with control solution are no readings of the person; they are kept only in the original";
    UNIT_CONFLICT Warning Conflict "unit-conflict" "the units of the reading, its heading and its column of units are not the same; its words were kept"
        "look at the reading in the meter";
    NOT_A_NUMBER Warning Value "reading-not-a-number" "the reading is no number; its words were kept";
    UNIT_ABSENT Warning Required "unit-absent" "the heading names no unit of the reading; its number was kept without one"
        "name the unit in the heading, such as Glucose (mmol/L)";
    REVERSED Warning Conflict "pressure-reversed" "the systolic pressure is not above the diastolic; both were kept as stated"
        "look at the reading in the meter";
    COLUMN Information NotSupported "column-unknown" "the column is not one that is known; it is kept only in the original"
        "ask for the column to be added, if it matters";
    // Apple Health.
    EXPORT_ABSENT Fatal Structure "export-absent" "the archive holds no export of Apple Health"
        "send the export.zip as the telephone wrote it";
    ARCHIVE_BROKEN Fatal Structure "archive-broken" "the archive is damaged, encrypted, or holds far more than its size allows"
        "export once more and send the file as it is";
    EXPORT_LONG Fatal TooLong "export-too-long" "the export is longer than {} GiB"
        "send the readings of the last years as a table";
    BREAKS_OFF Error Structure "export-breaks-off" "the export breaks off or is no XML from here on; what stands before it was taken"
        "export once more and send the file as it is";
    ELEMENT_BROKEN Error Structure "element-broken" "the element can't be read, or names an entity that XML does not have; it was refused";
    VALUE_ABSENT Error Required "value-absent" "the record has no value; it was refused";
    BIRTH Warning Value "birth-date-not-taken" "the date of birth is no date or after the day of receipt; its text was kept, and not taken as a date";
    EXPORT_DATE Warning Value "export-date-doubtful" "the date of the export is no date, or after the day of receipt; the telephone's clock may be wrong for its readings too"
        "look at the telephone's date, and at the times of the readings";
    // Open mHealth and IEEE 1752.
    HEADER_ABSENT Error Structure "data-point-incomplete" "the data point has no header or no body; it was refused"
        "send data points as the schemas have them: a header and a body";
    KIND_UNKNOWN Information NotSupported "record-kind-not-taken" "records of this type are no readings that are taken; they are kept only in the original";
}
