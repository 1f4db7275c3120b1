"""Every bound of the ledger in one place: unit last in the name, the reason beside it.

Relations between bounds are asserted at the end, so that an edit which breaks one fails at import.
"""

KIB = 1 << 10
MIB = 1 << 20

# Tree sizes and indexes travel as int64 and are stored as unsigned 64-bit numbers.
TREE_SIZE_MAX = (1 << 63) - 1


# An origin also has to fit the one length byte of the C2SP subtree signature.
ORIGIN_SIZE_BYTES_MAX = 255

# Identifiers are chosen by people and machines: a UUID has 36 characters, a URN some more.
ID_LENGTH_MAX = 128

# Free text such as notes and metadata values supports a claim; it does not carry content.
TEXT_LENGTH_MAX = 4096
METADATA_ENTRIES_MAX = 32
METADATA_KEY_LENGTH_MAX = 64
METADATA_VALUE_LENGTH_MAX = 512

# A usage event lists the assets that share it.
ATTRIBUTIONS_MAX = 64
PARTS_PER_MILLION = 1_000_000
CONSENTS_MAX = 8

# No request to a model reads or writes more than this; a larger number is a mistake in the unit.
TOKENS_MAX = 10**12

# No model in service takes and gives as many in one call: windows end at two million. More is logged and flagged.
EVENT_TOKENS_CAP = 4_000_000

ARTIFACTS_MAX = 1000
PARTY_SIGNATURES_MAX = 16

# The lists of a licence. ISO 3166-1 has about 250 codes; a host has some dozen models, named one by one or by prefix. All at
# their longest fit a body.
TERRITORIES_MAX = 256
MODEL_PATTERNS_MAX = 256

# Where an agreement can be read. Browsers and proxies pass on 2,000 characters and more; nobody types so many.
URI_LENGTH_MAX = 1024

# A licence that is withdrawn ends within ten years: a longer notice is an irrevocable licence, and is written as one.
NOTICE_S_MAX = 10 * 366 * 24 * 3600

# Uses that one call asks about; as many as a page has items.
COVERAGE_QUERIES_MAX = 1000

# What stands in lists that people read.
NAME_LENGTH_MAX = 256
TAGS_MAX = 64
TAG_LENGTH_MAX = 64

# Versions of one object of the registry: a price that changes each day for 27 years. Their places are one stored value,
# which every new version writes again. An end is always possible.
VERSIONS_MAX = 10_000

# How many others an asset with contested content is answered with.
CONTESTING_MAX = 100

# One event, one training or payout record. A batch part is one stored value, so a body must fit it.
EVENT_SIZE_BYTES_MAX = 64 * KIB
BODY_SIZE_BYTES_MAX = 256 * KIB

# One request. gRPC refuses larger messages before they are parsed.
BATCH_EVENTS_MAX = 10_000
BATCH_SIZE_BYTES_MAX = 8 * MIB
MESSAGE_SIZE_BYTES_MAX = BATCH_SIZE_BYTES_MAX + 64 * KIB

# Keys and values that every store can hold (LMDB keys end at 511 bytes).
KEY_SIZE_BYTES_MAX = 511
VALUE_SIZE_BYTES_MAX = 1 * MIB

# One group commit: what is hashed under the write lock at a time, hence the longest that others wait.
GROUP_RECORDS_MAX = 20_000
GROUP_BATCHES_MAX = 256

# What waits for the writer. Beyond it callers are pushed back. A call costs about half a millisecond, a record in a batch
# some microseconds: the last in line waits about half a second.
QUEUE_BATCHES_MAX = 1024
QUEUE_RECORDS_MAX = 60_000
QUEUE_SIZE_BYTES_MAX = 64 * MIB

# Calls under way at a time on one connection; HTTP/2 makes the client keep back the others. Calls that were cancelled count
# until they are freed.
CONNECTION_CALLS_MAX = 2048

# Headers of a call. Ours hold a few hundred bytes; a token of a proxy in front may hold some thousand.
METADATA_SIZE_BYTES_MAX = 16 * KIB

# A peer that has said nothing for so long is asked whether it is there, and has so long to answer. One that connects has so
# long to speak HTTP/2. Half-open connections hold descriptors until then.
PEER_SILENCE_S_MAX = 120
PEER_ANSWER_S_MAX = 20
HANDSHAKE_S_MAX = 20

# Calls of all connections that have come in and that nobody has looked at. Far above what is looked at in a second, so
# that calls are refused with a reason; and some hundred MiB at most.
PENDING_CALLS_MAX = 16_384

# How long a device that holds a private key may take for one signature. Callers wait meanwhile, for one group commit after
# another; a device that is slower than this is taken for broken.
SIGN_S_MAX = 10

# How often a log may change its signing key: once a week for twenty years. All of them are read at each start.
KEY_CHANGES_MAX = 1000

# Batches of one stream that may be unanswered.
STREAM_WINDOW_BATCHES = 8

PAGE_SIZE_DEFAULT = 100
PAGE_SIZE_MAX = 1000
# A page also ends when it holds this much, so that any page fits a gRPC message of the default size.
PAGE_SIZE_BYTES_MAX = 2 * MIB
PAGE_TOKEN_AGE_S_MAX = 72 * 3600

# HTTP. Connections of one worker at a time; each has a descriptor and some KiB. A request must begin so soon after the connection or
# the last answer, and its body come within so long.
HTTP_CONNECTIONS_MAX = 1024
HTTP_REQUEST_S_MAX = 20
# A form that asks for a token holds an id and a secret.
HTTP_FORM_SIZE_BYTES_MAX = 8 * KIB
HTTP_FORM_FIELDS_MAX = 16

# A token is a header, nine short claims and a signature. Nothing longer is looked at.
TOKEN_SIZE_BYTES_MAX = 4 * KIB
# What a thief of a token has at most; and how far the clocks of those who read tokens may be apart (RFC 9068 section 4).
TOKEN_LIFETIME_S_DEFAULT = 300
TOKEN_LIFETIME_S_MAX = 3600
TOKEN_LEEWAY_S = 30

# Usage is accepted from this long ago to this far ahead, unless it is marked as backfill.
WINDOW_PAST_US = 35 * 24 * 3600 * 1_000_000
WINDOW_FUTURE_US = 5 * 60 * 1_000_000

# Who may call. Principals are people and machines, not customers; a key has a few networks. The operational store holds them
# all with room to spare; denials are thinned out beyond their number, changes never. Callers that are remembered between
# calls, and lines that one second of denials may take.
OPS_SIZE_BYTES_MAX = 1024 * MIB
OPS_DENIALS_MAX = 1_000_000
KEY_NETWORKS_MAX = 32
KEY_OVERLAP_US_MAX = 30 * 24 * 3600 * 1_000_000
CALLERS_KNOWN_MAX = 10_000
# What one name of a client certificate has: a SPIFFE id may have much more, and fits a key of the store.
CERTIFICATE_NAME_LENGTH_MAX = 500
DENIAL_LINES_MAX = 64
QUOTA_MAX = 10**15

# Leap years and one second of slack are not worth refusing: from 1970 to 9999.
TIME_US_MAX = 253_402_300_800 * 1_000_000

if not EVENT_SIZE_BYTES_MAX <= BODY_SIZE_BYTES_MAX < VALUE_SIZE_BYTES_MAX // 2:
    raise AssertionError("a body with its hashes must fit one stored value")
if (
    not (4 * TERRITORIES_MAX + 2 * (ID_LENGTH_MAX + 4) * MODEL_PATTERNS_MAX)
    < BODY_SIZE_BYTES_MAX // 2
):
    raise AssertionError("the lists of a licence must fit its body")
# A place is an index, a time and a flag.
if not (8 + 8 + 1) * (VERSIONS_MAX + 1) < VALUE_SIZE_BYTES_MAX // 2:
    raise AssertionError("the places of all versions of an object must fit one stored value")
if not BATCH_EVENTS_MAX <= GROUP_RECORDS_MAX <= QUEUE_RECORDS_MAX:
    raise AssertionError("a batch must fit a group commit, and a group commit the queue")
if not BATCH_SIZE_BYTES_MAX < QUEUE_SIZE_BYTES_MAX:
    raise AssertionError("a batch must fit the queue")
if not PAGE_SIZE_BYTES_MAX + BODY_SIZE_BYTES_MAX < 4 * MIB:
    raise AssertionError("a page must fit a message of gRPC's default size")
