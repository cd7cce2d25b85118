/// Rows of text as lines, each cell as wide as the widest of its column.
pub(super) fn aligned<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> Vec<String> {
    let widths: Vec<usize> = (0..COLUMNS).map(|column| widest(rows, column)).collect();
    let lines = rows.iter().map(|row| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    });
    lines.collect()
}

fn widest<const COLUMNS: usize>(rows: &[[String; COLUMNS]], column: usize) -> usize {
    rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_begin_below_each_other_and_nothing_trails() {
        let rows = [["a", "números", ""], ["long one", "b", "c"]].map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows), ["a         números", "long one  b        c"]);
        assert_eq!(aligned::<2>(&[]), Vec::<String>::new());
    }
}
