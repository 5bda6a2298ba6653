//! TXA with OBX, and documents among results.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::patient::coded;
use super::segment::Seg;
use super::types::{concept, ei, list, local_name, text, time, xcn};
use super::{Writer, kept};
use crate::maps;

impl<'b> Writer<'b> {
    /// The documents of an MDM message.
    pub(super) fn documents(&mut self) {
        for document in self.all("DocumentReference") {
            let mut txa = self.numbered("TXA");
            concept(&mut txa, 2, 1, &document["type"], "TXA-2");
            let context = &document["context"];
            txa.put(4, time(&text(&context["period"], "start")));
            txa.put(6, time(&text(document, "date")));
            for author in list(document, "author").filter_map(|a| self.target_of(a, "Practitioner")) {
                xcn(&mut txa, 9, author);
            }
            ei(&mut txa, 12, 1, &document["masterIdentifier"], "document");
            for related in list(document, "relatesTo").take(1) {
                ei(&mut txa, 13, 1, &related["target"]["identifier"], "document");
            }
            for related in list(context, "related") {
                let id = &related["identifier"];
                let filler = local_name(&text(id, "system")) == Some("filler") || txa.says(14);
                let (field, own) = if filler { (15, "filler") } else { (14, "placer") };
                ei(&mut txa, field, 1, id, own);
            }
            for id in list(document, "identifier") {
                if local_name(&text(id, "system")) == Some("document-file") {
                    txa.put(16, text(id, "value"));
                }
            }
            coded(&mut txa, 17, document, "docStatus", &maps::DOCUMENT_STATUS);
            txa.put(25, text(document, "description"));
            let label = &document["securityLabel"][0];
            let confidential = match label["coding"][0]["code"].as_str() {
                Some("N") => "U".to_owned(),
                Some("R" | "V") => text(&label["coding"][0], "code"),
                _ => text(label, "text"),
            };
            txa.put(18, confidential);
            let status = match document["status"].as_str() {
                Some("entered-in-error") => "CA",
                Some("superseded") => "OB",
                _ => "AV",
            };
            txa.put(19, status);
            if let Some(own) = super::types::extension(&document["_status"], "source-code") {
                txa.put(19, text(own, "valueString"));
            }
            if let Some(person) = self.target_of(&document["authenticator"], "Practitioner") {
                xcn(&mut txa, 22, person);
            }
            for more in list(document, "extension") {
                let field = match more["url"].as_str().and_then(|u| u.rsplit('/').next()) {
                    Some("document-signer") => 10,
                    Some("document-typist") => 11,
                    _ => continue,
                };
                if let Some(person) = self.target_of(&more["valueReference"], "Practitioner") {
                    xcn(&mut txa, field, person);
                }
            }
            kept(document, &mut [&mut txa]);
            self.out.push(txa);
            for content in list(document, "content") {
                let attachment_of = &content["attachment"];
                let title = text(attachment_of, "title");
                let plain = text(attachment_of, "contentType").starts_with("text/plain");
                let words = plain
                    .then(|| {
                        STANDARD
                            .decode(text(attachment_of, "data"))
                            .ok()
                            .and_then(|bytes| String::from_utf8(bytes).ok())
                    })
                    .flatten();
                let Some(words) = words else {
                    let mut obx = self.numbered("OBX");
                    attachment(&mut obx, attachment_of);
                    obx.comp(3, 2, title);
                    obx.put(11, "F");
                    self.out.push(obx);
                    continue;
                };
                for line in words.split('\n') {
                    let mut obx = self.numbered("OBX");
                    obx.put(2, "TX");
                    obx.comp(3, 2, title.clone());
                    obx.put(5, line);
                    obx.put(11, "F");
                    self.out.push(obx);
                }
            }
        }
    }

    /// A document among the results of an order.
    pub(super) fn result_document(&mut self, document: &'b Value) {
        let mut obx = self.numbered("OBX");
        concept(&mut obx, 3, 1, &document["type"], "OBX-3");
        for content in list(document, "content") {
            attachment(&mut obx, &content["attachment"]);
        }
        let flag = match (document["status"].as_str(), document["docStatus"].as_str()) {
            (Some("entered-in-error"), _) => "D",
            (_, Some("final")) => "F",
            (_, Some("amended")) => "C",
            (_, Some("preliminary")) => "P",
            _ => "",
        };
        obx.put(11, flag);
        obx.put(14, time(&text(document, "date")));
        for author in list(document, "author").filter_map(|a| self.target_of(a, "Practitioner")) {
            xcn(&mut obx, 16, author);
        }
        kept(document, &mut [&mut obx]);
        self.out.push(obx);
        let description = text(document, "description");
        if !description.is_empty() {
            let mut nte = Seg::new("NTE");
            nte.put(1, "1");
            nte.put(3, description);
            self.out.push(nte);
        }
    }
}

/// A document within OBX-5: its data (ED) or where it lies (RP).
pub(super) fn attachment(obx: &mut Seg, attachment: &Value) {
    let rep = obx.next(5);
    let data = text(attachment, "data");
    if data.is_empty() {
        let url = text(attachment, "url");
        if !url.is_empty() {
            obx.put(2, "RP");
            obx.at(5, rep, 1, 1, url);
        }
        return;
    }
    obx.put(2, "ED");
    let kind = text(attachment, "contentType");
    let kind = kind.split(';').next().unwrap_or_default();
    let (broad, narrow) = kind.split_once('/').unwrap_or((kind, ""));
    obx.at(5, rep, 2, 1, broad);
    obx.at(5, rep, 3, 1, narrow);
    obx.at(5, rep, 4, 1, "Base64");
    obx.at(5, rep, 5, 1, data);
}
