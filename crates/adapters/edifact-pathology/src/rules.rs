//! Rules of this format: what is told, and what can be done about it.

causeway_adapter::rules! {
    LINE_END Information Structure "line-end-in-element" "line ends stand within data elements, where something wrapped the text; they were taken out, and kept in free text"
        "have whatever carries the interchange leave its line ends alone";
}
