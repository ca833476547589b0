//! Answers as collectors write them, and as nobody should.

use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use proptest::prelude::*;
use prost::Message as _;

use super::*;

fn answer(rejected: i64, message: &str) -> Vec<u8> {
    let partial = ExportLogsPartialSuccess { rejected_log_records: rejected, error_message: message.to_owned() };
    ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec()
}

#[test]
fn answers_are_read_as_the_official_types_write_them() {
    for (rejected, message) in [(0, ""), (0, "a warning"), (3, ""), (512, "too old"), (i64::MAX, "ä"), (-1, "what")] {
        let report = report(&answer(rejected, message)).unwrap();
        assert_eq!((report.rejected, report.message.as_str()), (rejected.cast_unsigned(), message));
    }
    assert_eq!(report(b""), Some(Report::default()));
    assert_eq!(report(&ExportLogsServiceResponse { partial_success: None }.encode_to_vec()), Some(Report::default()));
    // Fields that are not known are passed over, of each wire type.
    let unknown = [&[0x78, 0x96, 0x01][..], &[0x79, 1, 2, 3, 4, 5, 6, 7, 8], &[0x7a, 1, b'x'], &[0x7d, 1, 2, 3, 4]].concat();
    assert_eq!(report(&[unknown, answer(2, "")].concat()).unwrap().rejected, 2);
}

#[test]
fn what_is_cut_or_of_no_form_is_no_answer() {
    let whole = answer(300, "a message");
    for length in 1..whole.len() {
        assert_eq!(report(&whole[..length]), None, "{length}");
    }
    for bad in
        [&[0x0b][..], &[0x00, 0x00], &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], b"<html>", &[0xff; 11]]
    {
        assert_eq!(report(bad), None, "{bad:?}");
    }
}

#[test]
fn complaints_are_read() {
    // google.rpc.Status { code: 3, message: "bad data" }
    assert_eq!(complaint(&[8, 3, 18, 8, b'b', b'a', b'd', b' ', b'd', b'a', b't', b'a']).as_deref(), Some("bad data"));
    assert_eq!(complaint(b"<html>"), None);
    assert_eq!(complaint(&[18, 1, 0xff]), None);
    assert_eq!(complaint(b""), None);
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_the_end_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let ours = report(&bytes);
        if let (Some(ours), Ok(theirs)) = (ours, ExportLogsServiceResponse::decode(bytes.as_slice())) {
            let theirs = theirs.partial_success.unwrap_or_default();
            prop_assert_eq!(ours.rejected, theirs.rejected_log_records.cast_unsigned());
        }
        let _ = complaint(&bytes);
    }
}
