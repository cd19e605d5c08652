"""EMR's security configuration, the whole document in EMR's own keys.

EMR takes it as text and botocore checks none of it, so that a key with a typing error, a flag in quotes or a block that
nothing enables would be found by the first cluster, or by nobody.
Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-create-security-configuration.html
Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-ranger-security-config.html
Source: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-steps-runtime-roles.html
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from druid_reindex.model.frozen import Frozen
from druid_reindex.model.uri import Arn

Mode = Literal["SSE-S3", "SSE-KMS", "CSE-KMS", "CSE-Custom"]


def key_arn(text: str) -> str:
    """``text``, which is a KMS key's full ARN. Raises ValueError for an alias or anything else."""
    arn = Arn.parse(text)
    if arn.service != "kms" or not arn.resource.startswith("key/"):
        raise ValueError("an alias, or no key")
    return text


def _of_service(service: str, resource: str = "") -> AfterValidator:
    def check(text: str) -> str:
        arn = Arn.parse(text)
        if arn.service != service or not arn.resource.startswith(resource):
            raise ValueError(f"an ARN of {arn.service}, {arn.resource}")
        return text

    return AfterValidator(check)


KeyArn = Annotated[str, AfterValidator(key_arn)]
RoleArn = Annotated[str, _of_service("iam", "role/")]
SecretArn = Annotated[str, _of_service("secretsmanager", "secret:")]
LogGroupArn = Annotated[str, _of_service("logs", "log-group:")]
# Old buckets of us-east-1 have longer names, with capital letters and underscores.
# Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
S3Address = Annotated[str, Field(pattern=r"^(s3://|arn:aws[a-z-]*:s3:::)[A-Za-z0-9][A-Za-z0-9._-]{2,254}/.*[^/]$")]
ClassName = Annotated[str, Field(pattern=r"^[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)+$")]
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[1-9]\d{0,4})?$")]
RealmName = Annotated[str, Field(pattern=r"^[A-Z0-9]([A-Z0-9.-]*[A-Z0-9])?$")]
DomainName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")]
Bucket = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{2,254}$")]

_KEY = "a KMS key's full ARN (arn:aws:kms:region:account:key/id), no alias"
_JAR = "the JAR's address in S3, as s3://bucket/key or its ARN"
_HOURS = "hours that a ticket is good for, a whole number from 1"


class Section(Frozen):
    """A part of the document; a field is there with a value or is left out."""

    @model_validator(mode="before")
    @classmethod
    def _no_null(cls, content: Any) -> Any:
        if isinstance(content, dict) and (empty := [name for name, value in content.items() if value is None]):
            raise ValueError(f"{', '.join(map(str, empty))} is null: leave it out, or give it a value")
        return content


class S3Override(Section):
    """How objects of one bucket are encrypted, where that differs."""

    BucketName: Bucket = Field(description="a bucket's name")
    EncryptionMode: Mode = Field(description="SSE-S3, SSE-KMS, CSE-KMS or CSE-Custom")
    AwsKmsKey: KeyArn | None = Field(None, description=_KEY)
    S3Object: S3Address | None = Field(None, description=_JAR)
    EncryptionKeyProviderClass: ClassName | None = Field(None, description="a Java class's full name")


class S3Encryption(Section):
    """How EMRFS encrypts what it writes to S3."""

    EncryptionMode: Mode = Field(description="SSE-S3, SSE-KMS, CSE-KMS or CSE-Custom")
    AwsKmsKey: KeyArn | None = Field(None, description=_KEY)
    S3Object: S3Address | None = Field(None, description=_JAR)
    EncryptionKeyProviderClass: ClassName | None = Field(None, description="a Java class's full name")
    Overrides: tuple[S3Override, ...] | None = Field(
        None, min_length=1, description="a list of {BucketName, EncryptionMode, AwsKmsKey}"
    )


class LocalDiskEncryption(Section):
    """LUKS on the volumes of HDFS and of intermediate files; EBS encryption covers the root volume too."""

    EncryptionKeyProviderType: Literal["AwsKms", "Custom"] = Field(description="AwsKms or Custom")
    AwsKmsKey: KeyArn | None = Field(None, description=_KEY)
    S3Object: S3Address | None = Field(None, description=_JAR)
    EncryptionKeyProviderClass: ClassName | None = Field(None, description="a Java class's full name")
    EnableEbsEncryption: bool | None = Field(None, strict=True, description="true or false, without quotes")


class AtRestEncryption(Section):
    """Encryption of stored data."""

    S3EncryptionConfiguration: S3Encryption | None = Field(None, description="EncryptionMode and what it needs")
    LocalDiskEncryptionConfiguration: LocalDiskEncryption | None = Field(
        None, description="EncryptionKeyProviderType and what it needs"
    )


class TlsCertificates(Section):
    """Where the nodes' certificates come from."""

    CertificateProviderType: Literal["PEM", "Custom"] = Field(description="PEM or Custom")
    S3Object: S3Address = Field(description="the address in S3 of the zip of PEM files, or of the provider's JAR")
    CertificateProviderClass: ClassName | None = Field(None, description="a Java class's full name")


class InTransitEncryption(Section):
    """Encryption of data between nodes."""

    TLSCertificateConfiguration: TlsCertificates = Field(description="CertificateProviderType and S3Object")


class Encryption(Section):
    """Encryption at rest and in transit."""

    EnableInTransitEncryption: bool = Field(default=False, strict=True, description="true or false, without quotes")
    EnableAtRestEncryption: bool = Field(default=False, strict=True, description="true or false, without quotes")
    InTransitEncryptionConfiguration: InTransitEncryption | None = Field(
        None, description="TLSCertificateConfiguration"
    )
    AtRestEncryptionConfiguration: AtRestEncryption | None = Field(
        None, description="S3EncryptionConfiguration and LocalDiskEncryptionConfiguration"
    )


class CrossRealmTrust(Section):
    """The other realm, whose principals the cluster trusts."""

    Realm: RealmName = Field(description="the other realm in capital letters, such as AD.EXAMPLE.COM")
    Domain: DomainName = Field(description="the other realm's domain in small letters, such as ad.example.com")
    AdminServer: Host = Field(description="the other realm's admin server, host or host:749")
    KdcServer: Host = Field(description="the other realm's KDC, host or host:88")


class DedicatedKdc(Section):
    """A KDC on the cluster's own primary node, which lives as long as the cluster."""

    TicketLifetimeInHours: int | None = Field(None, ge=1, strict=True, description=_HOURS)
    CrossRealmTrustConfiguration: CrossRealmTrust | None = Field(
        None, description="Realm, Domain, AdminServer and KdcServer of the other realm"
    )


class AdIntegration(Section):
    """The Active Directory that an external KDC trusts."""

    AdRealm: RealmName = Field(description="the directory's realm in capital letters")
    AdDomain: DomainName = Field(description="the directory's domain in small letters")


class ExternalKdc(Section):
    """A KDC that is there before the cluster and after it."""

    TicketLifetimeInHours: int | None = Field(None, ge=1, strict=True, description=_HOURS)
    KdcServerType: Literal["Single"] = Field(description="Single")
    AdminServer: Host = Field(description="the admin server, host or host:749")
    KdcServer: Host = Field(description="the KDC, host or host:88")
    AdIntegrationConfiguration: AdIntegration | None = Field(None, description="AdRealm and AdDomain")


class Kerberos(Section):
    """Kerberos on every node."""

    Provider: Literal["ClusterDedicatedKdc", "ExternalKdc"] = Field(description="ClusterDedicatedKdc or ExternalKdc")
    ClusterDedicatedKdcConfiguration: DedicatedKdc | None = Field(None, description="TicketLifetimeInHours, a trust")
    ExternalKdcConfiguration: ExternalKdc | None = Field(None, description="KdcServerType, AdminServer and KdcServer")


class Authentication(Section):
    """Who may talk to the cluster's services."""

    KerberosConfiguration: Kerberos = Field(description="Provider and its configuration")


class RoleMapping(Section):
    """The role that EMRFS assumes for some users, groups or prefixes."""

    Role: RoleArn = Field(description="an IAM role's full ARN")
    IdentifierType: Literal["User", "Group", "Prefix"] = Field(description="User, Group or Prefix")
    Identifiers: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1, description="a list of users, groups, or s3:// prefixes"
    )


class EmrFs(Section):
    """Roles for EMRFS, tried from the first to the last."""

    RoleMappings: tuple[RoleMapping, ...] = Field(
        min_length=1, description="a list of {Role, IdentifierType, Identifiers}"
    )


class CloudWatchAudit(Section):
    """The log group that Ranger's audit goes to."""

    CloudWatchLogGroup: LogGroupArn = Field(description="a CloudWatch log group's ARN")


class AuditDestinations(Section):
    """Where Ranger's audit goes."""

    AmazonCloudWatchLogs: CloudWatchAudit = Field(description="CloudWatchLogGroup")


class RangerAudit(Section):
    """Ranger's audit."""

    Destinations: AuditDestinations = Field(description="AmazonCloudWatchLogs")


class RangerPlugin(Section):
    """Ranger's plugin in one application."""

    App: Literal["Spark", "Hive", "EMRFS-S3", "Trino"] = Field(description="Spark, Hive, EMRFS-S3 or Trino")
    ClientSecretARN: SecretArn = Field(description="the ARN of the secret with the plugin's certificate")
    PolicyRepositoryName: str = Field(min_length=1, description="the name of the service in Ranger")


class Ranger(Section):
    """Apache Ranger as the judge of each access."""

    AdminServerURL: str = Field(pattern=r"^https://[^\s/]+$", description="https://host:port of Ranger's admin server")
    RoleForRangerPluginsARN: RoleArn = Field(description="an IAM role's full ARN")
    RoleForOtherAWSServicesARN: RoleArn = Field(description="an IAM role's full ARN")
    AdminServerSecretARN: SecretArn = Field(description="the ARN of the secret with the admin server's certificate")
    RangerPluginConfigurations: tuple[RangerPlugin, ...] = Field(
        min_length=1, description="a list of {App, ClientSecretARN, PolicyRepositoryName}"
    )
    AuditConfiguration: RangerAudit | None = Field(None, description="Destinations")


class ApplicationScopedRole(Section):
    """How steps' own roles are used."""

    PropagateSourceIdentity: bool = Field(default=False, strict=True, description="true or false, without quotes")


class IamRoles(Section):
    """A role of its own for each step (Spark and Hive alone)."""

    EnableApplicationScopedIAMRole: bool = Field(strict=True, description="true or false, without quotes")
    ApplicationScopedIAMRoleConfiguration: ApplicationScopedRole | None = Field(
        None, description="PropagateSourceIdentity"
    )


class LakeFormation(Section):
    """Lake Formation as the judge of each access."""

    AuthorizedSessionTagValue: str = Field(min_length=1, description="the session tag's value, such as Amazon EMR")


class Authorization(Section):
    """What those who are known may do."""

    EmrFsConfiguration: EmrFs | None = Field(None, description="RoleMappings")
    RangerConfiguration: Ranger | None = Field(None, description="AdminServerURL, roles, secrets and plugins")
    IAMConfiguration: IamRoles | None = Field(None, description="EnableApplicationScopedIAMRole")
    LakeFormationConfiguration: LakeFormation | None = Field(None, description="AuthorizedSessionTagValue")


class MetadataService(Section):
    """The instance metadata service on each node."""

    MinimumInstanceMetadataServiceVersion: Literal[1, 2] = Field(description="2, or 1 to allow IMDSv1")
    HttpPutResponseHopLimit: int | None = Field(None, ge=1, le=64, strict=True, description="hops, 1 to 64")


class SecurityConfiguration(Section):
    """The document."""

    EncryptionConfiguration: Encryption | None = Field(None, description="the flags and blocks of encryption")
    AuthenticationConfiguration: Authentication | None = Field(None, description="KerberosConfiguration")
    AuthorizationConfiguration: Authorization | None = Field(None, description="EMRFS roles, Ranger, runtime roles")
    InstanceMetadataServiceConfiguration: MetadataService | None = Field(
        None, description="MinimumInstanceMetadataServiceVersion and HttpPutResponseHopLimit"
    )

    @property
    def at_rest(self) -> AtRestEncryption:
        """What is encrypted at rest; nothing while its flag is off."""
        found = self.EncryptionConfiguration
        on = found.AtRestEncryptionConfiguration if found and found.EnableAtRestEncryption else None
        return on or AtRestEncryption()

    @property
    def in_transit(self) -> InTransitEncryption | None:
        """The encryption between nodes; None while its flag is off."""
        found = self.EncryptionConfiguration
        return found.InTransitEncryptionConfiguration if found and found.EnableInTransitEncryption else None

    @property
    def kerberos(self) -> Kerberos | None:
        """Kerberos, when the document has it."""
        return self.AuthenticationConfiguration.KerberosConfiguration if self.AuthenticationConfiguration else None

    @property
    def trust(self) -> CrossRealmTrust | None:
        """The realm that a dedicated KDC trusts, when there is one."""
        dedicated = self.kerberos.ClusterDedicatedKdcConfiguration if self.kerberos else None
        return dedicated.CrossRealmTrustConfiguration if dedicated else None

    def as_document(self) -> dict[str, Any]:
        """The document in EMR's keys; what is left out stays out."""
        return self.model_dump(mode="json", exclude_none=True)
