//! Two texts, line by line: what went and what came.

/// Where a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Both,
    Old,
    New,
}

/// The most pairs of lines that are compared. Beyond it everything between the first and the last difference counts as replaced.
const MOST_PAIRS: usize = 1 << 22;
/// Longer lines are broken between words, so that a few words in a long sentence can be found.
const WIDTH: usize = 100;

/// The lines of both texts in an order that keeps as many together as possible; what went stands before what came.
pub(super) fn diff<'a>(old: &'a str, new: &'a str) -> Vec<(Side, &'a str)> {
    let (old, new) = (lines(old), lines(new));
    let same_start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (old.split_at(same_start).1, new.split_at(same_start).1);
    let same_end = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old_middle, end) = old_rest.split_at(old_rest.len() - same_end);
    let new_middle = new_rest.split_at(new_rest.len() - same_end).0;
    let both = |line: &&'a str| (Side::Both, *line);
    let mut out: Vec<(Side, &str)> = old.iter().take(same_start).map(both).collect();
    out.extend(middle(old_middle, new_middle));
    out.extend(end.iter().map(both));
    out
}

/// The longest common subsequence, by the table that everybody knows: `table[i][j]` is its length from there to the ends.
fn middle<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(Side, &'a str)> {
    let replaced = || old.iter().map(|line| (Side::Old, *line)).chain(new.iter().map(|line| (Side::New, *line))).collect();
    if old.len().saturating_mul(new.len()) > MOST_PAIRS {
        return replaced();
    }
    let width = new.len() + 1;
    let mut table = vec![0_u32; width * (old.len() + 1)];
    let at = |table: &[u32], i: usize, j: usize| table.get(i * width + j).copied().unwrap_or(0);
    for (i, before) in old.iter().enumerate().rev() {
        for (j, after) in new.iter().enumerate().rev() {
            let longest = match before == after {
                true => at(&table, i + 1, j + 1) + 1,
                false => at(&table, i + 1, j).max(at(&table, i, j + 1)),
            };
            if let Some(cell) = table.get_mut(i * width + j) {
                *cell = longest;
            }
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    loop {
        match (old.get(i), new.get(j)) {
            (Some(before), Some(after)) if before == after => {
                out.push((Side::Both, *before));
                (i, j) = (i + 1, j + 1);
            }
            (Some(before), after) if after.is_none() || at(&table, i + 1, j) >= at(&table, i, j + 1) => {
                out.push((Side::Old, *before));
                i += 1;
            }
            (_, Some(after)) => {
                out.push((Side::New, *after));
                j += 1;
            }
            (_, None) => return out,
        }
    }
}

/// The lines of a text, long ones in pieces.
pub(super) fn lines(text: &str) -> Vec<&str> {
    text.split('\n').flat_map(pieces).collect()
}

fn pieces(line: &str) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), line);
    while let Some((limit, _)) = rest.char_indices().nth(WIDTH) {
        let (head, _) = rest.split_at(limit);
        let cut = head.rfind(' ').map_or(limit, |space| space + 1);
        let (piece, next) = rest.split_at(cut);
        pieces.push(piece);
        rest = next;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
#[path = "line_diff_tests.rs"]
mod tests;
