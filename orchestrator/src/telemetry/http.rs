//! HTTP/1.1 to a collector, with what speaks it to the container engine.

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use std::time::Duration;

/// Most bytes of an answer that are read: a collector says little.
const ANSWER_MAX: usize = 4 << 20;

/// What requests go through.
#[derive(Debug)]
pub(super) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    /// A request with its answer takes no longer.
    within: Duration,
}

impl Http {
    pub(super) fn new(within: Duration) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), within }
    }

    async fn ask(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = self.client.request(request.map(Full::new)).await?.into_parts();
        Ok(Response::from_parts(head, Limited::new(body, ANSWER_MAX).collect().await?.to_bytes()))
    }
}

#[async_trait]
impl HttpClient for Http {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        tokio::time::timeout(self.within, self.ask(request)).await?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    /// A collector that reads a request and gives this answer; what it read.
    async fn collector(answer: &'static str) -> (String, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let work = async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut read = vec![0; 4096];
            let mut length = 0;
            while !read[..length].ends_with(b"spans") {
                length += stream.read(&mut read[length..]).await.unwrap();
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            if answer.is_empty() {
                std::future::pending::<()>().await;
            }
            String::from_utf8_lossy(&read[..length]).into_owned()
        };
        (place, tokio::spawn(work))
    }

    async fn send(place: &str, within: Duration) -> Result<Response<Bytes>, HttpError> {
        let request = Request::post(place).header("x-tenant", "ci").body(Bytes::from_static(b"spans"))?;
        Http::new(within).send_bytes(request).await
    }

    #[tokio::test]
    async fn a_collector_gets_what_is_sent_and_its_answer_comes_back() {
        let (place, read) = collector("HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nok").await;
        let answer = send(&place, Duration::from_secs(30)).await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.body()[..]), (202, &b"ok"[..]));
        let read = read.await.unwrap();
        assert!(read.starts_with("POST /v1/traces HTTP/1.1\r\n") && read.contains("x-tenant: ci\r\n"), "{read}");
    }

    #[tokio::test]
    async fn a_collector_that_is_silent_is_given_up() {
        let (place, _) = collector("").await;
        assert!(send(&place, Duration::from_millis(50)).await.is_err());
    }
}
