"""Who may do what, said once more in a few sentences, without a look at the table: a wrong row must not agree with itself."""

from __future__ import annotations

_FOR_EVERYBODY = {
    *("GetLogInfo", "GetCheckpoint", "GetInclusionProof", "GetConsistencyProof"),
    *("WhoAmI", "IssueToken", "ListLicenseTemplates"),
}
_THE_WHOLE_LOG = {"ListEntries", "TailEntries"}
# Whom anybody may look for, and what each list then leaves out is another question.
_LOOKED_THROUGH = {"GetCreator", "ListCreators", "ListAssets"}
_OPERATORS_VIEW = {
    *("GetPrincipal", "ListPrincipals", "ListApiKeys", "ListAuditEvents"),
    "ListCertificateNames",
}


def may(role: str, method: str, *, own: bool) -> bool:
    """Whether a role may call a method about what is its own, or about what is somebody else's."""
    service, _, name = method.partition(".")
    # The operator runs the ledger. What shows no record is for everybody who has a key.
    if role == "operator" or name in _FOR_EVERYBODY:
        return True
    if service == "AccessService":
        return _may_manage(role, name, own=own)
    if service == "RegistryService":
        return _may_agree(role, name, own=own)
    # Hosts report what they did themselves, and platforms pay; nobody else writes.
    if name.startswith(("Record", "Append", "Stream")):
        return role == "platform" if service == "PayoutService" else role == "host" and own
    # Platforms and auditors read everything, mirrors the log as such.
    if role in ("platform", "auditor"):
        return True
    if role == "mirror":
        return service == "LogService"
    # Hosts and creators read single records of their own; payouts concern creators.
    if name in _THE_WHOLE_LOG or (role == "host" and service == "PayoutService"):
        return False
    # A host's lists have its own records whatever is asked for; a creator has to ask for itself.
    if role == "host" and name.startswith("List"):
        return True
    return own


def _may_agree(role: str, name: str, *, own: bool) -> bool:
    """Platforms and creators agree with hosts upon works; a creator about its own; who it is, the platform finds out."""
    if role == "platform":
        return True
    if name.startswith(("Create", "Update", "Revoke")):
        return role == "creator" and own and name != "CreateCreator"
    if role == "auditor" or (role in ("host", "creator") and name in _LOOKED_THROUGH):
        return True
    if role == "host":
        # Prices are shown to the buyers of a licence; who else has the same content is between creators.
        return name == "ListPrices" or (own and name != "ListContestedAssets")
    return role == "creator" and own


def _may_manage(role: str, name: str, *, own: bool) -> bool:
    """Everybody looks after the keys of their own; the auditor looks at all and changes none of others."""
    if name in ("RotateApiKey", "RevokeApiKey"):
        return own
    if name == "ListApiKeys" and own:
        return True
    return role == "auditor" and name in _OPERATORS_VIEW
