use std::collections::BTreeMap;

use super::ParameterFormat;

/// The variables of a text, each once, in the order of their numbers or of their first appearance. None if a brace stays
/// open, or a name is not `1`, `2`, … without a gap, respectively `[a-z0-9_]+`.
pub(crate) fn names(text: &str, format: ParameterFormat) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}")?;
        let name = name.trim();
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
        rest = after;
    }
    match format {
        ParameterFormat::Positional => {
            let mut numbers: Vec<usize> = names.iter().map(|name| name.parse().ok()).collect::<Option<_>>()?;
            numbers.sort_unstable();
            let complete = numbers.iter().copied().eq(1..=numbers.len());
            complete.then(|| numbers.iter().map(usize::to_string).collect())
        }
        ParameterFormat::Named => {
            let is_name = |name: &String| {
                let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
                begins && name.chars().all(|char| matches!(char, 'a'..='z' | '0'..='9' | '_'))
            };
            names.iter().all(is_name).then_some(names)
        }
    }
}

/// The text with its variables replaced. What has no value stays as it is; what is put in is not read again.
pub(crate) fn fill(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let Some((name, after)) = after.split_once("}}") else {
            filled.push_str("{{");
            rest = after;
            continue;
        };
        match values.get(name.trim()) {
            Some(value) => filled.push_str(value),
            None => filled.push_str(&["{{", name, "}}"].concat()),
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positional_variables_are_counted_without_gaps() {
        let names = |text| names(text, ParameterFormat::Positional);
        assert_eq!(names("Hi {{2}}, {{1}}, {{2}}"), Some(vec!["1".to_owned(), "2".to_owned()]));
        assert_eq!(names("Hi"), Some(vec![]));
        for wrong in ["{{1}} {{3}}", "{{2}}", "{{first_name}}", "{{1", "{{}}"] {
            assert_eq!(names(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn named_variables_are_names() {
        let names = |text| names(text, ParameterFormat::Named);
        assert_eq!(names("{{b_1}} {{a}} {{b_1}}"), Some(vec!["b_1".to_owned(), "a".to_owned()]));
        assert_eq!(names("{{1}}"), None);
        assert_eq!(names("{{First}}"), None);
    }

    #[test]
    fn what_is_put_in_is_not_read_again() {
        let values = BTreeMap::from([("1".to_owned(), "{{2}}".to_owned()), ("2".to_owned(), "x".to_owned())]);
        assert_eq!(fill("{{1}} {{2}} {{3}} {{", &values), "{{2}} x {{3}} {{");
    }
}
