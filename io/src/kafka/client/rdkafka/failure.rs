//! What librdkafka's errors mean.
//!
//! Owns the classes. Does not own what a caller does about them. Invariant: what may have been done is
//! never called not done.

use super::super::Failure;
use rdkafka::error::{KafkaError, RDKafkaError, RDKafkaErrorCode};

/// What a code means where nothing was changed by the call, or where the code itself says that it was not.
pub(super) fn of_code(code: RDKafkaErrorCode) -> Failure {
    use RDKafkaErrorCode as Code;
    match code {
        Code::OperationTimedOut
        | Code::RequestTimedOut
        | Code::MessageTimedOut
        | Code::TimedOutQueue
        | Code::PurgeInflight
        | Code::PurgeQueue => Failure::Unknown,
        Code::QueueFull => Failure::Full,
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => Failure::Fenced,
        Code::BrokerTransportFailure | Code::AllBrokersDown | Code::Resolve => Failure::Unreachable,
        Code::Authentication
        | Code::SSL
        | Code::SaslAuthenticationFailed
        | Code::IllegalSASLState
        | Code::UnsupportedSASLMechanism
        | Code::SecurityDisabled => Failure::Credentials,
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::DelegationTokenAuthorizationFailed => Failure::Forbidden,
        Code::UnknownTopic
        | Code::UnknownPartition
        | Code::UnknownTopicOrPartition
        | Code::UnknownTopicId => Failure::NoTopic,
        Code::OffsetOutOfRange | Code::AutoOffsetReset | Code::LogTruncation => {
            Failure::OffsetOutOfRange
        }
        Code::TopicAlreadyExists => Failure::Exists,
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge => Failure::TooLarge,
        Code::BadMessage
        | Code::BadCompression
        | Code::InvalidMessage
        | Code::InvalidMessageSize => Failure::Corrupt,
        code if is_invalid(code) => Failure::Invalid,
        code if is_passing(code) => Failure::Retriable,
        _ => Failure::Fatal,
    }
}

/// What a trouble means that librdkafka tells of itself. A handshake that fails at its first step is told
/// as a broken connection (`rd_kafka_transport_ssl_connect`), one that fails later as trouble of TLS
/// (`rd_kafka_transport_ssl_handshake`): which it is depends on how soon the broker answers. OpenSSL's
/// part of the words is in both.
pub(super) fn of_trouble(code: RDKafkaErrorCode, said: &str) -> Failure {
    let of_openssl = said.contains(":SSL routines:") && said.contains("SSL_HANDSHAKE");
    match of_code(code) {
        Failure::Unreachable if of_openssl => Failure::Credentials,
        failure => failure,
    }
}

/// What was asked can never be done.
fn is_invalid(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::InvalidArgument
            | Code::Conflict
            | Code::State
            | Code::NotConfigured
            | Code::NotImplemented
            | Code::UnsupportedFeature
            | Code::UnsupportedVersion
            | Code::UnsupportedForMessageFormat
            | Code::UnsupportedCompressionType
            | Code::InvalidTopic
            | Code::InvalidPartitions
            | Code::InvalidReplicationFactor
            | Code::InvalidReplicaAssignment
            | Code::InvalidConfig
            | Code::InvalidRequest
            | Code::InvalidRecord
            | Code::InvalidTimestamp
            | Code::InvalidGroupId
            | Code::InvalidRequiredAcks
            | Code::InvalidTransactionTimeout
            | Code::PolicyViolation
    )
}

/// The cluster is busy with itself.
fn is_passing(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::BrokerNotAvailable
            | Code::ReplicaNotAvailable
            | Code::NetworkException
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::NotController
            | Code::ConcurrentTransactions
            | Code::KafkaStorageError
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::UnstableOffsetCommit
            | Code::ThrottlingQuotaExceeded
            | Code::RebootstrapRequired
            | Code::WaitingForCoordinator
            | Code::WaitCache
            | Code::Retry
            | Code::DestroyBroker
            | Code::BrokerDestroy
            | Code::UnknownBroker
            | Code::Outdated
    )
}

/// The code in an error.
pub(super) fn code_of(e: &KafkaError) -> Option<RDKafkaErrorCode> {
    match e {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}

/// What an error of a call means that changes nothing, or that says whether it did.
pub(super) fn of(e: &KafkaError) -> Failure {
    match e {
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) | KafkaError::Nul(_) => {
            Failure::Invalid
        }
        other => code_of(other).map_or(Failure::Fatal, of_code),
    }
}

/// What an error of a call of a transaction means. librdkafka says itself what may be done next.
pub(super) fn of_transaction(e: &RDKafkaError) -> Failure {
    let failure = of_code(e.code());
    if e.is_fatal() {
        return match failure {
            Failure::Fenced | Failure::Invalid | Failure::Forbidden => failure,
            _ => Failure::Fatal,
        };
    }
    if e.txn_requires_abort() {
        return Failure::Abortable;
    }
    match failure {
        // No broker, no coordinator: the call goes on by itself, so that only time can tell.
        Failure::Unknown | Failure::Unreachable => Failure::Unknown,
        // Another call is still going on. librdkafka calls that retriable: that other call is.
        Failure::Invalid => Failure::Invalid,
        _ if e.is_retriable() => Failure::Retriable,
        other => other,
    }
}
