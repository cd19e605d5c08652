"""What each failure of boto3 and of the AWS services means in our error tree, in one table.

An exception of botocore is found by its nearest class in ``BOTOCORE``; a service's error by its code in ``CODES``, and
a code that the table does not name by its HTTP status: 5xx may pass, anything else is a refusal that a person reads.
Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
https://docs.aws.amazon.com/emr/latest/APIReference/CommonErrors.html,
https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html,
https://docs.aws.amazon.com/redshift-data/latest/APIReference/API_BatchExecuteStatement.html,
https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import boto3.exceptions
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from druid_reindex.errors import (
    CapacityError,
    ConfigurationError,
    ConflictError,
    DeadlineError,
    DruidReindexError,
    IntegrityError,
    NoAnswerError,
    NotAuthorizedError,
    NotFoundError,
    NotProtectedError,
    RefusedError,
    ThrottledError,
    UnavailableError,
)

Kind = type[DruidReindexError]

BOTOCORE: Mapping[type[Exception], Kind] = {
    boto.BotoCoreError: ConfigurationError,
    ResponseParserError: NoAnswerError,
    boto.HTTPClientError: NoAnswerError,
    boto.ConnectionError: NoAnswerError,
    boto.IncompleteReadError: NoAnswerError,
    boto.MetadataRetrievalError: NoAnswerError,
    boto.CredentialRetrievalError: NotAuthorizedError,
    boto.SSLError: ConfigurationError,
    boto.InvalidProxiesConfigError: ConfigurationError,
    boto.ChecksumError: IntegrityError,
    boto.FlexibleChecksumError: IntegrityError,
    boto.CapacityNotAvailableError: ThrottledError,
    boto.WaiterError: DeadlineError,
    boto.NoCredentialsError: NotAuthorizedError,
    boto.PartialCredentialsError: NotAuthorizedError,
    boto.NoAuthTokenError: NotAuthorizedError,
    boto.TokenRetrievalError: NotAuthorizedError,
    boto.SSOError: NotAuthorizedError,
    boto.LoginError: NotAuthorizedError,
    boto.RefreshWithMFAUnsupportedError: NotAuthorizedError,
    boto3.exceptions.Boto3Error: ConfigurationError,
    boto3.exceptions.S3TransferFailedError: NoAnswerError,
    boto3.exceptions.S3UploadFailedError: NoAnswerError,
    boto3.exceptions.RetriesExceededError: NoAnswerError,
}

_CODES_BY_KIND: Mapping[Kind, str] = {
    ThrottledError: """
        Throttling ThrottlingException ThrottledException RequestThrottled RequestThrottledException
        TooManyRequestsException ProvisionedThroughputExceededException TransactionInProgressException
        RequestLimitExceeded BandwidthLimitExceeded LimitExceededException SlowDown PriorRequestNotComplete
        EC2ThrottledException ActiveStatementsExceededException ActiveSessionsExceededException
        ActiveWaitingRequestsExceededException 429
    """,
    UnavailableError: """
        InternalError InternalFailure InternalServerError InternalServerException InternalServiceError
        KMSInternalException ServiceUnavailable ServiceUnavailableException Unavailable
        DependencyTimeoutException KeyUnavailableException IDPCommunicationError DatabaseConnectionException
        ExecuteStatementException BatchExecuteStatementException 500 502 503 504
    """,
    NoAnswerError: "RequestTimeout RequestTimeoutException QueryTimeoutException 408",
    CapacityError: "InsufficientInstanceCapacity InsufficientCapacity",
    ConflictError: """
        OperationAborted ConditionalRequestConflict PreconditionFailed PreconditionNotMetException ConflictException
        ResourceExistsException 409 412
    """,
    IntegrityError: """
        BadDigest InvalidDigest XAmzContentSHA256Mismatch XAmzContentChecksumMismatch InvalidCiphertextException
        IncorrectKeyException DecryptionFailure KMSInvalidMacException KMSInvalidSignatureException
    """,
    NotAuthorizedError: """
        AccessDenied AccessDeniedException AllAccessDisabled UnauthorizedOperation UnauthorizedAccess AuthFailure
        InvalidAccessKeyId InvalidClientTokenId UnrecognizedClientException SignatureDoesNotMatch
        InvalidSignatureException
        IncompleteSignature MissingAuthenticationToken MissingAuthenticationTokenException ExpiredToken
        ExpiredTokenException InvalidToken RequestExpired RequestTimeTooSkewed OptInRequired NotAuthorized 401 403
        IDPRejectedClaim InvalidIdentityToken SessionDurationEscalationException
    """,
    NotFoundError: """
        NoSuchKey NoSuchBucket NoSuchUpload NoSuchVersion NoSuchAnnotation NoSuchEntity NotFoundException
        ResourceNotFoundException 404
    """,
    ConfigurationError: """
        PermanentRedirect TemporaryRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException
        InvalidArnException RegionDisabledException ParameterNotFound InvalidBucketName 301 307
    """,
    NotProtectedError: "DisabledException KMSInvalidStateException InvalidKeyUsageException",
    RefusedError: """
        ValidationException ValidationError InvalidRequestException InvalidRequest InvalidParameterException
        InvalidParameterValue InvalidParameterCombination MalformedPolicyDocument InvalidObjectState 400
    """,
}

CODES: Mapping[str, Kind] = {code: kind for kind, codes in _CODES_BY_KIND.items() for code in codes.split()}

_REMEDIES: Mapping[Kind, str] = {
    ThrottledError: "wait, or ask AWS for a higher request rate",
    UnavailableError: "a retry may help; see https://health.aws.amazon.com if it lasts",
    NoAnswerError: "check the network path to AWS; whether the request took effect is unknown",
    CapacityError: "allow more instance types or subnets in the cluster profile",
    ConflictError: "let the other change finish",
    DeadlineError: "look at why the resource did not reach the expected state",
    IntegrityError: "do not use the data; find out who or what changed it",
    NotAuthorizedError: "check the credentials, the role's policies, the bucket's policy and the KMS key's policy",
    NotFoundError: "check the name, the account and the Region",
    ConfigurationError: "correct the connection's or the boundary's settings",
    NotProtectedError: "enable the KMS key or cancel its deletion; it must be a symmetric one for encryption",
    RefusedError: "correct what AWS objects to",
}


def translate(error: BaseException, *, attempted: str, resource: str) -> DruidReindexError:
    """The error of our tree for ``error``, an exception of boto3 or botocore; any other is re-raised as it is."""
    if isinstance(error, boto.ClientError):
        return _from_service(error, attempted, resource)
    kind = next((BOTOCORE[cls] for cls in type(error).__mro__ if cls in BOTOCORE), None)
    if kind is None:
        raise error
    came_back = f"{type(error).__name__}: {_first_line(str(error))}"
    return kind(attempted, resource=resource, came_back=came_back, remedy=_REMEDIES[kind])


@contextmanager
def translated(attempted: str, resource: str) -> Iterator[None]:
    """Raises what boto3 raises inside as an error of our tree."""
    try:
        yield
    except (boto.BotoCoreError, boto.ClientError, boto3.exceptions.Boto3Error, ResponseParserError) as error:
        raise translate(error, attempted=attempted, resource=resource) from error


def kind_of(code: str, status: int) -> Kind:
    """The kind of error for a service's code; ``KMS.`` in front, as S3 passes KMS's codes on, is dropped."""
    if kind := CODES.get(code.removeprefix("KMS.")):
        return kind
    return UnavailableError if status >= 500 else RefusedError


def _from_service(error: boto.ClientError, attempted: str, resource: str) -> DruidReindexError:
    said = error.response.get("Error", {})
    metadata = error.response.get("ResponseMetadata", {})
    code = str(said.get("Code", ""))
    kind = kind_of(code, int(metadata.get("HTTPStatusCode", 0)))
    request = f" (request {metadata['RequestId']})" if metadata.get("RequestId") else ""
    came_back = f"{code}: {_first_line(str(said.get('Message', '')))}{request}"
    return kind(attempted, resource=resource, came_back=came_back, remedy=_REMEDIES[kind])


def _first_line(text: str) -> str:
    first = text.strip().split("\n", 1)[0]
    return first if len(first) <= 500 else first[:499] + "…"
