//! The rules whose breach is told. The same id twice is one rule with several sentences.

causeway_adapter::rules! {
    SCAIP_ROOT Error Structure "scaip-root" "the root element is neither mrq nor scaip";
    SCAIP_MANDATORY_TAG Error Required "scaip-mandatory-tag" "{}";
    SCAIP_MANDATORY_TAG_2 Error Required "scaip-mandatory-tag" "the mandatory tag {} is missing";
    SCAIP_TOO_LONG Error TooLong "scaip-too-long" "the field is longer than the protocol allows";
    SCAIP_MESSAGE_TOO_LONG Error TooLong "scaip-message-too-long" "no alarm has more than {} bytes; the message was not read";
    SCAIP_PATTERN Error Value "scaip-pattern" "the field holds characters that the protocol does not allow";
    SCAIP_TIME_OF_RECEIPT Information Informational "scaip-time-of-receipt" "the protocol carries no time; the time of receipt was used";
    SCAIP_STATUS Warning CodeInvalid "scaip-status" "the code is not in the list of the protocol; it was kept as text";
    SCAIP_DEVICE_TYPE Warning CodeInvalid "scaip-device-type" "the code is not in the list of the protocol; it was kept as text";
    SCAIP_LOCATION Warning CodeInvalid "scaip-location" "the code is not in the list of the protocol; it was kept as text";
}
