//! Rules of this format: what is told, and what can be done about it.

causeway_adapter::rules! {
    ACKNOWLEDGED Information Informational "itk3-response" "the message answers another: it was taken";
    ACKNOWLEDGED_FAILURE Warning BusinessRule "itk3-response-failure" "the message answers another: it was refused, or the person is not known there"
        "look at the response code in the original, and send a corrected message";
    BUSINESS_ASKED Information Informational "itk3-business-response" "the sender asks for a business response; the practice that takes the message in gives it"
        "answer with ITK008M, code 30001 to 30004";
}
