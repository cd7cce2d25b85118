/// Hands `fields` to `sink` such that two different lists never make the same bytes: each goes after its length as a
/// big-endian u64. Without that, account `ab` with purpose `c` would be `a` with `bc`.
pub(crate) fn frame(fields: &[&[u8]], mut sink: impl FnMut(&[u8])) {
    for field in fields {
        // A usize is at most 64 bits wide on every target there is.
        let len = u64::try_from(field.len()).unwrap_or(u64::MAX);
        sink(&len.to_be_bytes());
        sink(field);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(fields: &[Vec<u8>]) -> Vec<u8> {
        let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
        let mut bytes = Vec::new();
        frame(&fields, |part| bytes.extend_from_slice(part));
        bytes
    }

    proptest! {
        #[test]
        fn two_lists_make_the_same_bytes_only_when_they_are_equal(
            a in prop::collection::vec(prop::collection::vec(0_u8..2, 0..3), 0..4),
            b in prop::collection::vec(prop::collection::vec(0_u8..2, 0..3), 0..4),
        ) {
            prop_assert_eq!(framed(&a) == framed(&b), a == b);
        }
    }
}
