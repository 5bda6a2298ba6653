//! The rules whose breach is told: a stable id, how serious it is, and a fixed sentence.

pub use causeway_adapter::Rule;

causeway_adapter::rules! {
    ROW_BROKEN Error Structure "row-broken" "the row can't be read: it is too long, or a quotation mark is never closed; it was refused";
    ROW_CELLS Error Structure "row-cell-count" "the row has more or fewer cells than its heading; it was refused";
    RESTRICTED Error Suppressed "person-restricted" "the person's record is restricted: it was not published and belongs in a manual queue";
    RESTRICTED_BLANK Error Required "restricted-not-stated" "whether the person's record is restricted is not stated, so it was taken to be and not published";
    CHILD Error BusinessRule "child" "the person is a child; the extract is of adults, and the record was refused";
    CONTEXT Error Value "context-not-stated" "whether the person is an adult or a child is not stated; the record was refused";
    PERSON_ID Error Required "person-id-missing" "the row names no person; it was refused";
    PERSON_TWICE Error Duplicate "person-repeated" "another row has the same person id; this one was refused and nothing was merged";
    TWO_PEOPLE Error Conflict "person-id-of-two-people" "an earlier row has the same person id with another name, gender, date of birth or NHS number, at least two of them: these are two people; this one was refused and nothing was merged";
    ID_SHARED Error Conflict "person-id-shared" "two people of the extract have this id, so whose row this is can't be told; it was refused";
    ID_ROUNDED Error Value "person-id-rounded" "the person's id is in a spreadsheet's scientific notation, so digits of it are lost and several people may have it; the row was refused; make the file again with this column as text";
    POINT_ZERO Information Value "number-point-zero" "whole numbers are written as decimals with .0 behind them, as some programs do with a column that has an empty cell; the digits were read; told once";
    ID_TWICE Warning Duplicate "row-id-repeated" "another row of the table has the same id or none either; both were kept";
    ORPHAN Error NotFound "person-absent" "the row belongs to a person who is not in the extract; it was refused";
    TOO_MANY Error TooLong "rows-of-person-too-many" "the person has more rows than are translated; this one was refused";
    LEGACY Warning Conflict "legacy-id" "the row uses the id that the person had before records were merged";
    TWO_IDS Warning Conflict "nhs-number-of-two-people" "an earlier row has the same NHS number with another person id; both people were carried"
        "find out whether the two are one person, and correct the number or the id at its source";
    NHS_PADDED Warning Value "nhs-number-padded" "the NHS number had lost its leading zeros, as numbers do; it is valid with them";
    NAME_CONFLICT Warning Conflict "name-conflict" "the full name is not the first and last name; both were kept";
    DATE Error Value "date-invalid" "the date is not in a form that is known, or there is no such day; it was not translated";
    DATE_FILLER Warning Value "date-filler" "the date is 1 January 1900, which stands for no date; it was not translated";
    BIRTH Error Value "birth-date-implausible" "the date of birth is in the future or makes the person older than 115 years; it was not translated";
    GENDER Error CodeInvalid "gender-unknown" "the gender is none of the codes that are known; it was kept as it stands";
    DISPLAY_TWICE Warning Conflict "display-address-repeated" "the person has another display address that has not ended; both were kept";
    ADDRESS_TWICE Warning Conflict "open-address-repeated" "the person has another address that has not ended; both were kept";
    OTHER_ABSENT Warning NotFound "related-person-absent" "the related person is not in the extract; only the id was kept";
    OTHER_WITHHELD Warning Suppressed "related-person-withheld" "the related person's record is not published, so the relationship was withheld";
    SELF_RELATED Error Conflict "related-to-self" "the person is related to themselves; the row was refused";
    FLAG Warning CodeInvalid "flag-unknown" "the flag is neither yes nor no; nothing was taken from it" "write Y or N";
    VISIT_CONFLICT Warning Conflict "visit-made-and-not-made" "the visit has a reason why it was not made, and is completed or has a time at which it was; its status is unknown, both were kept"
        "ask the council whether the person was seen";
    CHARSET Information Structure "charset-guessed" "the row is not UTF-8 and was read as Windows-1252";
    HEADING_UNCLEAR Fatal Structure "heading-unclear" "{}" "name each column as the extract does, once";
    HEADING_MISSING Fatal Structure "heading-missing" "the extract does not begin with the heading of a table" "put the heading of the table first";
    INPUT_EMPTY Fatal Structure "input-empty" "the extract is empty" "send the extract with its headings and rows";
    ROWS_TOO_MANY Fatal TooLong "rows-too-many" "the extract has more than {} rows" "send the extract in parts";
}
