//! The little of Markdown that the descriptions in the OpenAPI document use: paragraphs, lists, `code` and **strong**.
//!
//! Anything else stays as it was written. The template escapes every span, so no text can become markup.

use crate::errors::ErrorCode;

/// A run of text in one style.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) code: bool,
    pub(super) strong: bool,
    /// Where the text leads: error codes are linked to their explanation. Empty elsewhere.
    pub(super) href: String,
}

/// A paragraph (one line) or a list (one line an item).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Block {
    pub(super) list: bool,
    pub(super) lines: Vec<Vec<Span>>,
}

/// Splits text into paragraphs and lists.
pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut items: Vec<String> = Vec::new();
    let mut paragraph = String::new();
    for line in text.lines().map(str::trim).chain([""]) {
        if let Some(item) = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")) {
            close_paragraph(&mut paragraph, &mut blocks);
            items.push(item.to_owned());
        } else if line.is_empty() {
            close_paragraph(&mut paragraph, &mut blocks);
            if !items.is_empty() {
                blocks.push(Block { list: true, lines: items.drain(..).map(|item| spans(&item)).collect() });
            }
        } else if let Some(item) = items.last_mut() {
            item.push(' ');
            item.push_str(line);
        } else {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(line);
        }
    }
    blocks
}

fn close_paragraph(paragraph: &mut String, blocks: &mut Vec<Block>) {
    if !paragraph.is_empty() {
        blocks.push(Block { list: false, lines: vec![spans(paragraph)] });
        paragraph.clear();
    }
}

/// Splits one line into plain, code and strong runs. An opening mark without a closing one is plain text.
pub(super) fn spans(line: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut rest = line;
    while let Some((mark, start)) = first_mark(rest) {
        let (before, from_mark) = rest.split_at(start);
        let inner = from_mark.strip_prefix(mark).unwrap_or_default();
        let Some((text, after)) = inner.split_once(mark) else { break };
        push(&mut spans, before, None);
        push(&mut spans, text, Some(mark));
        rest = after;
    }
    push(&mut spans, rest, None);
    spans
}

fn first_mark(text: &str) -> Option<(&'static str, usize)> {
    ["`", "**"].into_iter().filter_map(|mark| text.find(mark).map(|at| (mark, at))).min_by_key(|(_, at)| *at)
}

fn push(spans: &mut Vec<Span>, text: &str, mark: Option<&str>) {
    if !text.is_empty() {
        let code = mark == Some("`");
        let error = ErrorCode::ALL.iter().find(|error| code && error.as_str() == text);
        let href = error.map(|error| error.type_uri()).unwrap_or_default();
        spans.push(Span { text: text.to_owned(), code, strong: mark == Some("**"), href });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str) -> String {
        let line = |line: &Vec<Span>| {
            line.iter()
                .map(|span| match (span.code, span.strong) {
                    (true, _) => format!("<{}>", span.text),
                    (_, true) => format!("[{}]", span.text),
                    _ => span.text.clone(),
                })
                .collect::<String>()
        };
        blocks(text)
            .iter()
            .map(|block| {
                format!(
                    "{}{}",
                    if block.list { "L:" } else { "P:" },
                    block.lines.iter().map(line).collect::<Vec<_>>().join("/")
                )
            })
            .collect::<Vec<_>>()
            .join("|")
    }

    #[test]
    fn paragraphs_lists_code_and_strong_are_told_apart() {
        assert_eq!(
            rendered("One `a`\nline.\n\nTwo **b**.\n- x\n  y\n- z\n\nEnd"),
            "P:One <a> line.|P:Two [b].|L:x y/z|P:End"
        );
    }

    #[test]
    fn a_mark_that_is_not_closed_is_plain_text() {
        assert_eq!(rendered("a ` b ** c"), "P:a ` b ** c");
        assert_eq!(rendered(""), "");
        assert_eq!(rendered("````"), "P:");
    }
}
