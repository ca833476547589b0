//! Deadlines of questions: what the client says (`grpc-timeout`), and never longer than we wait ourselves.
//!
//! The gRPC library has a timer of its own for what the client says, which ends a question with CANCELLED. Ours runs inside of that, is a
//! little earlier, and says what it is: DEADLINE_EXCEEDED. What was begun goes on in a task of its own and is recorded, whoever waits for it. Streams are bounded until
//! they begin.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tower_layer::Layer;

/// The longest answer is waited for, whatever deadline a client has.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How much earlier ours is. Timers are exact to a millisecond.
const EARLIER: Duration = Duration::from_millis(2);

/// Bounds how long the services of a server may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadlines;

/// A service with a deadline for each question.
#[derive(Debug, Clone)]
pub(super) struct Timely<S>(S);

impl<S> Layer<S> for Deadlines {
    type Service = Timely<S>;

    fn layer(&self, inner: S) -> Timely<S> {
        Timely(inner)
    }
}

impl<S, B> Service<Request<B>> for Timely<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let limit = limit(request.headers());
        // What cannot be answered in time is not begun.
        if limit.is_zero() {
            return Box::pin(std::future::ready(Ok(over())));
        }
        let answer = tokio::time::timeout(limit, self.0.call(request));
        Box::pin(async move { answer.await.unwrap_or_else(|_| Ok(over())) })
    }
}

fn over() -> Response<Body> {
    let sentence = "there was no answer in time; if the call was decided, the log has the decision";
    Status::deadline_exceeded(sentence).into_http()
}

/// How long an answer may take.
fn limit(headers: &HeaderMap) -> Duration {
    let asked = headers.get("grpc-timeout").and_then(|value| value.to_str().ok()).and_then(parse);
    asked.unwrap_or(ANSWER_WITHIN).min(ANSWER_WITHIN).saturating_sub(EARLIER)
}

/// At most eight digits and a unit; anything else is as good as nothing.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    //! Forms of the header, which of two limits counts, and what becomes of late answers.

    use super::*;

    #[test]
    fn the_shorter_limit_counts_and_a_header_that_is_none_does_not() {
        let of = |text: &str| limit(&HeaderMap::from_iter([("grpc-timeout".parse().unwrap(), text.parse().unwrap())]));
        let ours = ANSWER_WITHIN - EARLIER;
        let cases = [
            ("250m", Duration::from_millis(248)),
            ("5S", Duration::from_millis(4998)),
            ("3000u", Duration::from_millis(1)),
            ("1n", Duration::ZERO),
            ("0S", Duration::ZERO),
            ("1M", ours),
            ("99999999H", ours),
            ("123456789S", ours),
            ("5s", ours),
            ("S", ours),
            ("-1S", ours),
            ("1.5S", ours),
        ];
        for (text, expected) in cases {
            assert_eq!(of(text), expected, "{text}");
        }
        assert_eq!(limit(&HeaderMap::new()), ours);
    }

    /// Answers after a while.
    #[derive(Clone)]
    struct Slow(Duration);

    impl Service<Request<()>> for Slow {
        type Response = Response<Body>;
        type Error = std::convert::Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            let sleep = tokio::time::sleep(self.0);
            Box::pin(async move {
                sleep.await;
                Ok(Response::new(Body::empty()))
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_in_time_is_one_and_a_late_one_is_not() {
        for (asked, status) in [("3S", None), ("2S", Some("4")), ("1S", Some("4")), ("1n", Some("4"))] {
            let request = Request::builder().header("grpc-timeout", asked).body(()).unwrap();
            let answer = Deadlines.layer(Slow(Duration::from_secs(2))).call(request).await.unwrap();
            let told = answer.headers().get("grpc-status").map(|status| status.to_str().unwrap());
            assert_eq!(told, status, "{asked}");
        }
        let answer = Deadlines.layer(Slow(2 * ANSWER_WITHIN)).call(Request::new(())).await.unwrap();
        assert_eq!(answer.headers()["grpc-status"], "4");
    }
}
