"""Tests of the table of AWS's errors: every class of botocore and every error of the services' models has its place."""

from __future__ import annotations

import inspect

import boto3.exceptions
import botocore.session
import pytest
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from druid_reindex.clients.aws_errors import BOTOCORE, CODES, kind_of, translate, translated
from druid_reindex.errors import (
    ConfigurationError,
    ConflictError,
    DeadlineError,
    IntegrityError,
    NoAnswerError,
    NotAuthorizedError,
    NotFoundError,
    NotProtectedError,
    RefusedError,
    Terminal,
    ThrottledError,
    Transient,
    UnavailableError,
)

CLASSES = [
    cls
    for module in (boto, boto3.exceptions)
    for _, cls in inspect.getmembers(module, inspect.isclass)
    if issubclass(cls, Exception) and not issubclass(cls, Warning) and cls.__module__ == module.__name__
]
TRANSIENT = {
    "HTTPClientError", "ConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "EndpointConnectionError",
    "ConnectionClosedError", "ProxyConnectionError", "IncompleteReadError", "ResponseStreamingError",
    "MetadataRetrievalError", "CapacityNotAvailableError", "WaiterError", "S3TransferFailedError",
    "S3UploadFailedError", "RetriesExceededError",
}  # fmt: skip
# What these mean is AWS's refusal of one request: they are told as they are, by the default of the table.
DEFAULTED = {
    "AlreadyExistsException", "AnnotationLimitExceeded", "AnnotationNameTooLong", "BucketAlreadyExists",
    "BucketAlreadyOwnedByYou", "CloudHsmClusterInUseException", "CloudHsmClusterInvalidConfigurationException",
    "CloudHsmClusterNotActiveException", "CloudHsmClusterNotFoundException", "CloudHsmClusterNotRelatedException",
    "CustomKeyStoreHasCMKsException", "CustomKeyStoreInvalidStateException", "CustomKeyStoreNameInUseException",
    "CustomKeyStoreNotFoundException", "DryRunOperationException", "EncryptionFailure", "EncryptionTypeMismatch",
    "ExpiredImportTokenException", "ExpiredTradeInTokenException", "IdempotencyParameterMismatch",
    "IncorrectKeyMaterialException", "IncorrectTrustAnchorException", "InvalidAliasNameException",
    "InvalidAnnotationName", "InvalidAuthorizationMessageException", "InvalidGrantIdException",
    "InvalidGrantTokenException", "InvalidImportTokenException", "InvalidMarkerException", "InvalidNextTokenException",
    "InvalidPrefix", "InvalidWriteOffset", "JWTPayloadSizeExceededException", "MalformedPolicyDocumentException",
    "ObjectAlreadyInActiveTierError", "ObjectNotInActiveTierError", "OutboundWebIdentityFederationDisabledException",
    "PackedPolicyTooLarge", "PublicPolicyException", "TagException", "TooManyParts",
    "UnsupportedMediaType", "UnsupportedOperationException", "XksKeyAlreadyInUseException",
    "XksKeyInvalidConfigurationException", "XksKeyNotFoundException",
    "XksProxyIncorrectAuthenticationCredentialException", "XksProxyInvalidConfigurationException",
    "XksProxyInvalidResponseException", "XksProxyUriEndpointInUseException", "XksProxyUriInUseException",
    "XksProxyUriUnreachableException", "XksProxyVpcEndpointServiceInUseException",
    "XksProxyVpcEndpointServiceInvalidConfigurationException", "XksProxyVpcEndpointServiceNotFoundException",
}  # fmt: skip


def client_error(code: str, status: int = 400, message: str = "said AWS") -> boto.ClientError:
    metadata = {"HTTPStatusCode": status, "RequestId": "r-1"}
    return boto.ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}, "Operation")


def test_an_answer_that_is_not_aws_s_own_is_no_answer() -> None:
    with pytest.raises(NoAnswerError, match="invalid XML"), translated("ask", "IAM"):
        raise ResponseParserError("invalid XML received:\n<html>a proxy's page</html>")


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_each_class_of_botocore_is_mapped(cls: type[Exception]) -> None:
    if cls is boto.ClientError or issubclass(cls, boto.ClientError):
        return
    error = cls.__new__(cls)
    Exception.__init__(error, "x")
    found = next((BOTOCORE[each] for each in cls.__mro__ if each in BOTOCORE), None)
    if found is None:
        assert not issubclass(cls, (boto.BotoCoreError, boto3.exceptions.Boto3Error))
        return
    assert issubclass(found, Transient) == (cls.__name__ in TRANSIENT)
    assert isinstance(translate(error, attempted="ask", resource="AWS"), found)


def service_errors() -> list[str]:
    session = botocore.session.get_session()
    models = [
        session.get_service_model(name) for name in ("emr", "s3", "kms", "sts", "secretsmanager", "redshift-data")
    ]
    return sorted({shape.metadata.get("error", {}).get("code", shape.name) for m in models for shape in m.error_shapes})


@pytest.mark.parametrize("code", service_errors())
def test_each_error_of_the_services_models_is_mapped_or_told_by_default(code: str) -> None:
    assert (code in CODES) != (code in DEFAULTED)
    assert issubclass(kind_of(code, 400), (Terminal, Transient))


def test_what_botocore_repeats_for_throttling_is_throttling_here() -> None:
    from botocore.retries.standard import ThrottledRetryableChecker

    for code in ThrottledRetryableChecker._THROTTLED_ERROR_CODES:
        assert issubclass(CODES[code], Transient), code


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("AccessDenied", 403, NotAuthorizedError),
        ("ExpiredToken", 400, NotAuthorizedError),
        ("NoSuchKey", 404, NotFoundError),
        ("404", 404, NotFoundError),
        ("403", 403, NotAuthorizedError),
        ("SlowDown", 503, ThrottledError),
        ("InternalServerException", 500, UnavailableError),
        ("InternalFailure", 500, UnavailableError),
        ("RequestTimeout", 400, NoAnswerError),
        ("PreconditionFailed", 412, ConflictError),
        ("BadDigest", 400, IntegrityError),
        ("KMS.DisabledException", 400, NotProtectedError),
        ("KMS.KMSInvalidStateException", 400, NotProtectedError),
        ("KMS.KeyUnavailableException", 500, UnavailableError),
        ("PermanentRedirect", 301, ConfigurationError),
        ("ValidationException", 400, RefusedError),
        ("BrandNew", 400, RefusedError),
        ("BrandNew", 503, UnavailableError),
        ("", 0, RefusedError),
    ],
)
def test_codes(code: str, status: int, kind: type[Exception]) -> None:
    assert kind_of(code, status) is kind


def test_the_error_says_code_message_and_request() -> None:
    error = translate(client_error("AccessDenied", 403), attempted="write an object", resource="s3://b/k")
    assert str(error).startswith("write an object on s3://b/k: AccessDenied: said AWS (request r-1). What to do: check")
    assert len(translate(client_error("X", message="y" * 2000), attempted="a", resource="b").came_back) < 600


def test_other_exceptions_pass_through() -> None:
    with pytest.raises(ZeroDivisionError):
        translate(ZeroDivisionError(), attempted="a", resource="b")
    with pytest.raises(ZeroDivisionError), translated("a", "b"):
        _ = 1 / 0


def test_the_context_translates_and_keeps_the_cause() -> None:
    with pytest.raises(NoAnswerError) as caught, translated("read", "s3://b/k"):
        raise boto.ReadTimeoutError(endpoint_url="https://s3")
    assert isinstance(caught.value.__cause__, boto.ReadTimeoutError)
    with pytest.raises(DeadlineError), translated("wait", "j-1"):
        raise boto.WaiterError("x", "max attempts", {})
