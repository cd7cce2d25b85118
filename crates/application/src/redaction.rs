use whatotp_domain::{AccountId, PhoneNumber, TicketId};
use whatotp_ports::{Resealed, SealedColumn, SealedRowKey, TicketFilter, TicketRecord};

use crate::tickets::{comment_place, comment_row, ticket_row};
use crate::{Application, Failure};

/// Tickets of one look.
const BATCH: u32 = 100;
/// What stands where the number was.
const BLOT: &str = "[erased]";
/// So many characters at most stand between two digits that people write apart.
const APART: usize = 3;

/// A number in what people have written on tickets.
impl Application {
    /// Blots a number out of the subjects and comments of an account's tickets. Returns out of how many. What is sealed
    /// anew by somebody else just then is left to the next try.
    pub(crate) async fn blot_out_of_tickets(&self, account: AccountId, number: &PhoneNumber) -> Result<u64, Failure> {
        let mut before: Option<TicketId> = None;
        let mut blotted = 0;
        loop {
            let filter = TicketFilter { account: Some(account), before, limit: BATCH, ..TicketFilter::default() };
            let tickets = self.ports.tickets.list_tickets(&filter).await?;
            let Some(last) = tickets.last() else { return Ok(blotted) };
            before = Some(last.ticket.id);
            for ticket in &tickets {
                let values = self.without_number(account, ticket, number).await?;
                if !values.is_empty() {
                    blotted += self.ports.master_keys.reseal(values).await?;
                }
            }
        }
    }

    /// What of a ticket has to be sealed anew, without the number.
    async fn without_number(
        &self,
        account: AccountId,
        record: &TicketRecord,
        number: &PhoneNumber,
    ) -> Result<Vec<Resealed>, Failure> {
        let id = record.ticket.id;
        let place = id.to_bytes();
        let mut values = Vec::new();
        let row = ticket_row(&record.ticket, &place);
        if let Some(text) = blotted_out(&self.open_text(row, "subject", &record.subject)?, number) {
            let new = self.seal(row, "subject", text.as_bytes())?;
            let (key, old) = (SealedRowKey::Ticket(account, id), record.subject.clone());
            values.push(Resealed { key, column: SealedColumn::Subject, old, new });
        }
        for comment in self.ports.tickets.list_comments(account, id).await? {
            let place = comment_row(id, comment.id);
            let row = comment_place(account, &place);
            if let Some(text) = blotted_out(&self.open_text(row, "body", &comment.body)?, number) {
                let new = self.seal(row, "body", text.as_bytes())?;
                let key = SealedRowKey::Comment(account, id, comment.id);
                values.push(Resealed { key, column: SealedColumn::Body, old: comment.body, new });
            }
        }
        Ok(values)
    }
}

/// The text without the number, however its digits are set apart; `None` when it is not in there. It is looked for as it is
/// called from abroad, with its country code.
fn blotted_out(text: &str, number: &PhoneNumber) -> Option<String> {
    let digits = number.as_e164().trim_start_matches('+');
    let (mut kept, mut rest, mut found) = (String::new(), text, false);
    while let Some(first) = rest.chars().next() {
        if let Some(after) = past(rest, digits) {
            kept.truncate(kept.trim_end_matches('+').len());
            kept.push_str(BLOT);
            rest = after;
            found = true;
        } else {
            kept.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    found.then_some(kept)
}

/// What comes after the digits, if the text begins with them.
fn past<'a>(text: &'a str, digits: &str) -> Option<&'a str> {
    let mut rest = text;
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 {
            rest = past_gap(rest);
        }
        rest = rest.strip_prefix(digit)?;
    }
    Some(rest)
}

/// What comes after a few characters that set digits apart; `(0)` is one too.
fn past_gap(text: &str) -> &str {
    let mut rest = text;
    for _ in 0..APART {
        let sets_apart = |c: char| c.is_whitespace() || "-.()/_\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}".contains(c);
        match rest.strip_prefix("(0)").or_else(|| rest.strip_prefix(sets_apart)) {
            Some(after) => rest = after,
            None => break,
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blotted(text: &str) -> Option<String> {
        blotted_out(text, &PhoneNumber::parse("+4915112345678").unwrap())
    }

    #[test]
    fn a_number_is_found_however_it_is_written() {
        for written in [
            "+4915112345678",
            "4915112345678",
            "+49 151 12345678",
            "+49 (0) 151 / 1234-5678",
            "+49(0)151.12.34.56.78",
            "+49\u{a0}151\u{a0}1234\n5678",
        ] {
            let text = format!("Grüße: {written}, no code.");
            assert_eq!(blotted(&text).as_deref(), Some("Grüße: [erased], no code."), "{written}");
        }
        assert_eq!(blotted("004915112345678").as_deref(), Some("00[erased]"));
        assert_eq!(blotted("+4915112345678 4915112345678").as_deref(), Some("[erased] [erased]"));
        // Where a first try goes wrong, the number may still begin.
        assert_eq!(blotted("4+4915112345678").as_deref(), Some("4[erased]"));
    }

    #[test]
    fn another_number_stays() {
        for text in ["", "+4915112345679", "+49 151 1234567", "4915x112345678", "49 151 1234    5678", "٤٩"] {
            assert_eq!(blotted(text), None, "{text}");
        }
    }
}
