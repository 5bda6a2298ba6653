//! Addresses of resources.

/// `Type` and `id` at the end of a RESTful URL, and what stands before them.
pub(crate) fn restful(url: &str) -> Option<(&str, &str, &str)> {
    let bare = url.split_once("/_history/").map_or(url, |(front, _)| front);
    let (front, id) = bare.rsplit_once('/')?;
    let (base, ty) = front.rsplit_once('/').unwrap_or(("", front));
    ty.starts_with(|c: char| c.is_ascii_uppercase()).then_some((base, ty, id))
}
