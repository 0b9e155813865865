//! Docs that begin with a signature: `name(parameters)\n--\n\ntext`.

const SIGNATURE_END: &str = ")\n--\n\n";

/// Where the signature begins: right after `name` at the start of the doc.
fn find_signature<'a>(name: &str, doc: &'a str) -> Option<&'a str> {
    let name = name.rsplit('.').next().unwrap_or(name);
    doc.strip_prefix(name).filter(|rest| rest.starts_with('('))
}

/// Splits a doc into signature and text.
fn split<'a>(name: &str, doc: &'a str) -> Option<(&'a str, &'a str)> {
    let rest = find_signature(name, doc)?;
    let end = rest.find(SIGNATURE_END)?;
    // A blank line before the marker means that this is running text.
    if rest[..end].contains("\n\n") {
        return None;
    }
    Some((&rest[..=end], &rest[end + SIGNATURE_END.len()..]))
}

/// The doc without its signature.
pub fn doc_without_signature<'a>(name: &str, doc: &'a str) -> &'a str {
    split(name, doc).map_or(doc, |(_, text)| text)
}

/// The signature of a doc, parentheses included.
pub fn text_signature<'a>(name: &str, doc: &'a str) -> Option<&'a str> {
    split(name, doc).map(|(signature, _)| signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_split_off() {
        let doc = "len($module, obj, /)\n--\n\nCount the items.";
        assert_eq!(text_signature("len", doc), Some("($module, obj, /)"));
        assert_eq!(doc_without_signature("len", doc), "Count the items.");
        assert_eq!(text_signature("len", "len(obj) -> int"), None);
        assert_eq!(doc_without_signature("m.len", "Count."), "Count.");
    }
}
