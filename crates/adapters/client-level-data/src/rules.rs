//! The rules whose breach is told: a stable id, how serious it is, and a fixed sentence. DHSC's check codes
//! (`−1` blank and mandatory, `−2` to `−6` invalid, `−7` a value of release 1) stand in the sentences where
//! they apply. Source: DHSC data-quality procedure for client level data.

pub use causeway_adapter::Rule;

causeway_adapter::rules! {
    // Rows that must not be there.
    SAFEGUARDING Error BusinessRule "alert-safeguarding" "the row tells of safeguarding, which must not be in client level data; the row was refused, and the council's data controller should be told";
    DOLS Error BusinessRule "alert-deprivation-of-liberty" "the row tells of a deprivation of liberty safeguard, which must not be in client level data; the row was refused, and the council's data controller should be told";
    CAPACITY Error BusinessRule "alert-mental-capacity" "the row tells of a mental capacity assessment, which must not be in client level data; the row was refused, and the council's data controller should be told";
    MHA Error BusinessRule "alert-mental-health-act" "the row tells of a Mental Health Act assessment, which must not be in client level data; the row was refused, and the council's data controller should be told";
    CHILD Error BusinessRule "child" "the person is under 18 at the end of the reporting period; the row was refused";
    // Rows that can't be used.
    ROW_BROKEN Error Structure "row-broken" "the row can't be read: it is too long, or a quotation mark is never closed; it was refused";
    ROW_CELLS Error Structure "row-cell-count" "the row has more or fewer cells than the heading, so its cells may stand in the wrong columns; it was refused";
    ROW_SHIFTED Error Structure "row-shifted" "from here on the cells of the row do not fit their columns, and would fit if a value before them held a comma: a comma stands in it without quotation marks; the row was refused";
    LA_CODE Error Value "la-code-invalid" "the council's code is missing or does not have three digits (DHSC check -2); the row was refused";
    NO_IDENTIFIER Error Required "person-identifier-missing" "the row has neither a person id of the council nor a usable NHS number; it was refused";
    EVENT_TYPE_MISSING Error Required "event-type-missing" "the event type is missing (DHSC check -1); the row was refused";
    EVENT_TYPE_UNKNOWN Error CodeInvalid "event-type-unknown" "the event type is none of request, assessment, service and review (DHSC check -2); the row was refused";
    // Identity.
    NHS_SHAPE Warning Value "nhs-number-shape" "the NHS number does not have ten digits; it was kept as stated, and not as an NHS number";
    NHS_CHECK Warning Value "nhs-number-check-digit" "the check digit of the NHS number is wrong; it was kept as stated, and not as an NHS number";
    NHS_FILLER Warning Value "nhs-number-filler" "the NHS number is a filler of ten equal digits; it was kept as stated, and not as an NHS number";
    NHS_SPREADSHEET Warning Value "nhs-number-spreadsheet" "the NHS number is written in a spreadsheet's scientific notation; all its digits were there";
    NHS_POINT_ZERO Information Value "nhs-number-point-zero" "a program wrote the NHS number as a decimal with .0 behind it; all its digits were there";
    NHS_SPACED Information Value "nhs-number-spaced" "the NHS number is written with blanks, hyphens or characters that do not show; its digits were read";
    ID_ROUNDED Error Value "person-id-rounded" "the council's person id is in a spreadsheet's scientific notation, so digits of it are lost and several people may have it; without a usable NHS number the row was refused; make the file again with this column as text";
    ID_NOT_USED Error Value "person-id-rounded-not-used" "the council's person id is in a spreadsheet's scientific notation, so digits of it are lost and several people may have it; the person goes by the NHS number alone; make the file again with this column as text";
    LINKED_ROUNDED Error Value "linked-person-id-rounded" "the linked person's id is in a spreadsheet's scientific notation, so digits of it are lost; the link was not translated; make the file again with this column as text";
    TWO_PEOPLE Error Conflict "person-id-of-two-people" "an earlier row has the same council person id with another name, gender, date of birth or NHS number, at least two of them: these are two people, who were kept apart, and the id was left with the first";
    POINT_ZERO Information Value "number-point-zero" "whole numbers are written as decimals with .0 behind them, as some programs do with a column that has an empty cell; the digits were read; told once";
    NHS_MISSING Warning Required "nhs-number-missing" "the NHS number is missing (DHSC check -1)";
    LA_ID_MISSING Warning Required "la-person-id-missing" "the council's person id is missing (DHSC check -1); the NHS number stands in for it";
    TWO_NHS Warning Conflict "la-person-id-two-nhs-numbers" "the same council person id stands beside another NHS number elsewhere in the file";
    TWO_IDS Warning Conflict "nhs-number-two-la-person-ids" "the same NHS number stands beside another council person id elsewhere in the file";
    TWO_GENDERS Warning Conflict "gender-conflict" "the same person has another gender elsewhere in the file";
    TWO_BIRTHS Warning Conflict "birth-date-conflict" "the same person has another date of birth elsewhere in the file";
    GP_CODE Error Value "gp-practice-code-invalid" "the GP practice code does not have the form of an organisation code; it was not translated";
    POSTCODE Warning Value "postcode-form" "the postcode does not have the form of a United Kingdom postcode; it was kept as it is";
    // Values.
    NULL_LITERAL Information Value "null-literal" "the cell holds words that stand for no value, such as NULL; it was taken for empty";
    CASE_ONLY Warning CodeInvalid "value-case-only" "the value differs from the specification in capitals or blanks alone (DHSC check -2); it was translated";
    VALUE_UNKNOWN Warning CodeInvalid "value-unknown" "the value is not in the value set of either release (DHSC check -2); its words were kept without a code";
    RELEASE_1_VALUE Warning CodeInvalid "release-1-value" "the value is of release 1, and the file is declared to be of release 2 (DHSC check -7); it was translated";
    RELEASE_2_VALUE Warning CodeInvalid "release-2-value" "the value is of release 2, and the file is declared to be of release 1; it was translated";
    RELEASE_MIXED Warning CodeInvalid "release-mixed" "the value is of another release than values before it: the file mixes release 1 and release 2; told once for each column";
    MANDATORY Warning Required "mandatory-missing" "the cell is blank and mandatory (DHSC check -1)";
    NOT_APPLICABLE Warning BusinessRule "column-not-applicable" "the column does not belong to this type of event or client; the cell was not translated";
    // Dates.
    DATE_INVALID Error Value "date-invalid" "the date is not in a form that is known, or there is no such day; it was not translated";
    DATE_SERIAL Warning Value "date-serial" "the date is a spreadsheet's day number; it was read by the 1900 date system";
    DATE_FILLER Warning Value "date-filler" "the date is 1 January 1900, which stands for no date; it was not translated";
    DATE_MIXED Information Value "date-form-mixed" "the file writes dates in more than one form; told once";
    DATE_TIMED Information Value "date-with-time" "a time of day stands beside the date; client level data states days, so it was not carried";
    BIRTH_FUTURE Error Value "birth-date-future" "the date of birth is after the reporting period or after the day of receipt; it was not translated";
    BIRTH_AGE Error Value "birth-date-implausible" "the date of birth makes the person older than 115 years; it was not translated";
    DEATH_BEFORE_BIRTH Error Conflict "death-before-birth" "the date of death is before the date of birth; it was not translated";
    DEATH_FUTURE Error Value "death-date-future" "the date of death is after the day of receipt; it was not translated";
    PERIOD_REVERSED Error Conflict "reporting-period-reversed" "the reporting period ends before it starts; its end was not translated";
    END_BEFORE_START Error Conflict "event-end-before-start" "the event ends before it starts; its end was not translated";
    END_MISSING Warning Required "event-end-missing" "a request, assessment or review is reported when it is complete, and its end is missing (DHSC check -1)";
    OPEN_AFTER_DEATH Warning Conflict "service-open-after-death" "the service has no end although the person has died (DHSC check -1)";
    START_RESET Information BusinessRule "service-start-reset" "the service starts on 1 April: some systems reset the start of running services to that day each year";
    CHILD_AT_EVENT Information BusinessRule "child-at-event" "the person was under 18 at the start of the event and is an adult by the end of the reporting period";
    // Events.
    EVENT_REPEATED Warning Duplicate "event-repeated" "an event with the same person, kind and start stands in an earlier row, as with two carers on one visit; both were kept";
    ASSOCIATION_EVENT Error BusinessRule "association-with-event" "a carer known by association has no events; the event's cells were refused";
    REASON_MISSING Warning Required "support-reason-missing" "the primary support reason is missing, which every event but a request needs (DHSC check -1)";
    EMPLOYMENT_MISSING Warning Required "employment-status-missing" "the employment status is missing for a person of working age with learning disability support (DHSC check -1)";
    DP_PRISON Warning BusinessRule "direct-payment-in-prison" "a direct payment is not valid in prison";
    METERING Warning BusinessRule "self-funder-metering" "this delivery mechanism is not to be used";
    PROVIDER_ID Error Value "provider-id-invalid" "the CQC location id does not have its form; it was not translated";
    PROVIDER_UNREGULATED Warning Conflict "provider-id-of-another-service" "a CQC location id stands beside a service that CQC does not register; it may belong to another service";
    ACCOMMODATION_CONFLICT Warning Conflict "accommodation-status-conflict" "the same person has another accommodation status in the same reporting period (DHSC counts it as unknown); both were kept";
    CARER_CONFLICT Warning Conflict "has-unpaid-carer-conflict" "the same person has another answer on unpaid carers in the same reporting period (DHSC counts it as unknown); both were kept";
    CHARACTERISTIC_CONFLICT Warning Conflict "characteristic-conflict" "the same person has another value here in the same reporting period; both were kept";
    COST_NEGATIVE Warning Value "unit-cost-negative" "the unit cost is negative (DHSC takes its absolute value)";
    COST_IMPLAUSIBLE Error Value "unit-cost-implausible" "the amount has more digits than any cost of support; it was not translated";
    COST_FORM Error Value "number-invalid" "the cell does not hold a number; it was not translated";
    COST_MISSING Warning Required "unit-cost-missing" "the cost of this service is missing or not complete (DHSC check -1)";
    // Carers.
    LINKED_SELF Error Conflict "linked-person-self" "the linked person is the carer; the link was not translated";
    LINKED_ABSENT Warning NotFound "linked-person-absent" "the linked person is nowhere else in the file; where that person is no client of the council, the link should not be there";
    LINKED_NONE Warning Required "linked-person-missing" "a carer known by association is linked with no person";
    // The file.
    HEADING_AGAIN Warning Structure "heading-repeated" "the row is the heading again, as in files that were put together; it holds no record";
    CHARSET Information Structure "charset-guessed" "the file is not UTF-8 throughout; such rows were read as Windows-1252; told once";
    PEOPLE_MANY Warning TooLong "checks-across-rows-limited" "the file holds more people, links or events than checks across rows can remember; later ones were not compared";
    UTF_16 Fatal NotSupported "encoding-utf-16" "the file is UTF-16; client level data is UTF-8 or Windows-1252" "save the file as CSV UTF-8";
    ROWS_TOO_MANY Fatal TooLong "rows-too-many" "the file has more than {} rows; the rest was not read" "send the file in parts";
    HEADING_MISSING Fatal Structure "heading-missing" "the first row is not a heading of client level data"
        "name the columns as the specification does";
    HEADING_COLUMN_MISSING Warning Structure "heading-column-missing" "the file has no column {}"
        "name the columns as the specification does";
    HEADING_COLUMN_MISSING_2 Fatal Structure "heading-column-missing" "the file has no column {}, which can't be missed"
        "name the columns as the specification does";
    HEADING_COLUMN_UNKNOWN Warning Structure "heading-column-unknown" "{} columns of the file are not of the specification; they are not translated"
        "name the columns as the specification does";
    HEADING_SPELLING Information Structure "heading-spelling" "some headings differ from the specification in capitals, blanks or punctuation"
        "name the columns as the specification does";
    HEADING_COLUMN_UNCLEAR Fatal Structure "heading-column-unclear" "the column {} is missing and a heading is not known, so what that column holds is not clear"
        "name the columns as the specification does";
    HEADING_COLUMN_TWICE Fatal Structure "heading-column-twice" "the column {} occurs twice" "name each column once";
    INPUT_EMPTY Fatal Structure "input-empty" "the file is empty" "send the file with its heading and rows";
}
