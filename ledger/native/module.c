/* The compiled twin of the ledger's batch functions: from Python's objects to plain C and back.
 *
 * Each function does what the Python function of the same name does, byte for byte (tests/twin compares them), or, for
 * split_elements and accept_usage, says that it is not sure, and the Python function decides. Nothing keeps a reference or a
 * pointer beyond a call; every length is checked here, before anything is read; Python's stable ABI only.
 *
 * All input is of type bytes, which nobody can change: so the interpreter lock is given back while a large batch is worked on.
 */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <string.h>

#include "catalog_module.h"
#include "fingerprint.h"
#include "hashing.h"
#include "packed.h"
#include "references_module.h"
#include "sha256.h"
#include "usage.h"

/* Below this giving back the lock costs more than it gives. */
#define WORTH_UNLOCKING 64
#define SPAN_SIZE (2 * END_SIZE)

typedef struct {
    const unsigned char *data;
    Py_ssize_t size;
} buffer;

#define BYTES(argument) (const char **)&(argument).data, &(argument).size

static PyObject *new_bytes(size_t size, unsigned char **data)
{
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (bytes)
        *data = (unsigned char *)PyBytes_AsString(bytes);
    return bytes;
}

static int refuse(const char *told)
{
    PyErr_SetString(PyExc_ValueError, told);
    return 0;
}

static int take_packed(buffer data, buffer ends, packed *strings)
{
    *strings = (packed){data.data, ends.data, (size_t)data.size, (size_t)ends.size / END_SIZE};
    if (ends.size % END_SIZE || !packed_sound(strings))
        return refuse("the ends do not belong to the data");
    return 1;
}

/* pack_ends(items) -> ends, for a list or tuple of bytes. */
static PyObject *pack_ends(PyObject *module, PyObject *items)
{
    (void)module;
    PyObject *held = PySequence_Tuple(items), *ends = NULL;
    unsigned char *out;
    uint64_t filled = 0;
    if (!held)
        return NULL;
    Py_ssize_t count = PyTuple_Size(held);
    ends = new_bytes((size_t)count * END_SIZE, &out);
    for (Py_ssize_t at = 0; ends && at < count; at++) {
        Py_ssize_t size;
        char *data;
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(held, at), &data, &size) < 0)
            goto fail;
        filled += (uint64_t)size;
        if (filled > UINT32_MAX) {
            refuse("more than 4 GiB in one batch");
            goto fail;
        }
        store_end(out + END_SIZE * at, (uint32_t)filled);
    }
    Py_DecRef(held);
    return ends;
fail:
    Py_DecRef(held);
    Py_DecRef(ends);
    return NULL;
}

/* frame_packed(head, data, ends) -> each string as head, size, string, one after the other. */
static PyObject *frame_packed(PyObject *module, PyObject *args)
{
    buffer head, data, ends;
    packed strings;
    unsigned char *out;
    (void)module;
    if (!PyArg_ParseTuple(args, "y#y#y#", BYTES(head), BYTES(data), BYTES(ends)) || !take_packed(data, ends, &strings))
        return NULL;
    PyObject *framed = new_bytes(framed_size((size_t)head.size, &strings), &out);
    if (framed)
        frame(head.data, (size_t)head.size, &strings, out);
    return framed;
}

/* split_elements(message, begin, field) -> (bytes of the other fields, data, ends), or None when not certain. */
static PyObject *split_elements(PyObject *module, PyObject *args)
{
    buffer message;
    Py_ssize_t begin;
    unsigned field;
    split_sizes sizes;
    unsigned char *to_rest, *to_data, *to_ends;
    (void)module;
    if (!PyArg_ParseTuple(args, "y#nI", BYTES(message), &begin, &field))
        return NULL;
    if (begin < 0 || begin > message.size) {
        refuse("the beginning is not in the message");
        return NULL;
    }
    message.data += begin, message.size -= begin;
    if (!split_measure(message.data, (size_t)message.size, field, &sizes)) {
        Py_IncRef(Py_None);
        return Py_None;
    }
    PyObject *rest = new_bytes(sizes.rest_size, &to_rest), *data = new_bytes(sizes.size, &to_data);
    PyObject *ends = new_bytes(sizes.count * END_SIZE, &to_ends), *answer = NULL;
    if (rest && data && ends) {
        split_copy(message.data, (size_t)message.size, field, to_data, to_ends, to_rest);
        answer = PyTuple_Pack(3, rest, data, ends);
    }
    Py_DecRef(rest);
    Py_DecRef(data);
    Py_DecRef(ends);
    return answer;
}

/* commit_packed(salts, head, data, ends) -> 32 bytes for each record. */
static PyObject *commit_packed(PyObject *module, PyObject *args)
{
    buffer salts, head, data, ends;
    packed bodies;
    unsigned char *out;
    (void)module;
    if (!PyArg_ParseTuple(args, "y#y#y#y#", BYTES(salts), BYTES(head), BYTES(data), BYTES(ends)) ||
        !take_packed(data, ends, &bodies))
        return NULL;
    if (salts.size % SALT_SIZE || (size_t)salts.size / SALT_SIZE != bodies.count)
        return PyErr_Format(PyExc_ValueError, "%zd bytes of salt for %zd records", salts.size,
                            (Py_ssize_t)bodies.count);
    if (head.size > RECORD_HEAD_MAX)
        return PyErr_Format(PyExc_ValueError, "a record's head has at most %d bytes", RECORD_HEAD_MAX);
    PyObject *commitments = new_bytes(SHA256_SIZE * bodies.count, &out);
    if (!commitments)
        return NULL;
    PyThreadState *unlocked = bodies.count < WORTH_UNLOCKING ? NULL : PyEval_SaveThread();
    hash_commitments(salts.data, head.data, (size_t)head.size, &bodies, out);
    if (unlocked)
        PyEval_RestoreThread(unlocked);
    return commitments;
}

/* chain_hashes(head, previous, commitments) -> 32 bytes for each leaf. */
static PyObject *chain_hashes(PyObject *module, PyObject *args)
{
    buffer head, previous, commitments;
    unsigned char *out;
    (void)module;
    if (!PyArg_ParseTuple(args, "y#y#y#", BYTES(head), BYTES(previous), BYTES(commitments)))
        return NULL;
    if (head.size != LEAF_HEAD_SIZE || previous.size != SHA256_SIZE || commitments.size % SHA256_SIZE) {
        refuse("head must have 11 bytes, previous and each commitment 32");
        return NULL;
    }
    size_t count = (size_t)commitments.size / SHA256_SIZE;
    PyObject *hashes = new_bytes((size_t)commitments.size, &out);
    if (!hashes)
        return NULL;
    PyThreadState *unlocked = count < WORTH_UNLOCKING ? NULL : PyEval_SaveThread();
    hash_chain(head.data, previous.data, commitments.data, count, out);
    if (unlocked)
        PyEval_RestoreThread(unlocked);
    return hashes;
}

/* hash_pairs(nodes) -> 32 bytes for each pair of neighbours. */
static PyObject *hash_pairs(PyObject *module, PyObject *args)
{
    buffer nodes;
    unsigned char *out;
    (void)module;
    if (!PyArg_ParseTuple(args, "y#", BYTES(nodes)))
        return NULL;
    if (nodes.size % SHA256_SIZE) {
        refuse("each node must have 32 bytes");
        return NULL;
    }
    size_t pairs = (size_t)nodes.size / (2 * SHA256_SIZE);
    PyObject *parents = new_bytes(SHA256_SIZE * pairs, &out);
    if (!parents)
        return NULL;
    PyThreadState *unlocked = pairs < WORTH_UNLOCKING ? NULL : PyEval_SaveThread();
    hash_parents(nodes.data, pairs, out);
    if (unlocked)
        PyEval_RestoreThread(unlocked);
    return parents;
}

/* How many events are acceptable before the first that may not be; where their ids lie, and what they refer to. */
static size_t look_at_events(const packed *bodies, const usage_limits *limits, unsigned char *spans, span *references)
{
    for (size_t at = 0; at < bodies->count; at++) {
        usage_event event;
        if (!usage_acceptable(packed_item(bodies, at), limits, &event))
            return at;
        store_end(spans + SPAN_SIZE * at, (uint32_t)(event.event_id.data - bodies->data));
        store_end(spans + SPAN_SIZE * at + END_SIZE, (uint32_t)event.event_id.size);
        references[at] = event.receipt_ref;
    }
    return bodies->count;
}

/* Put a reference into the set, unless it is the one before: hosts send many events of one model in a row. */
static int add_reference(PyObject *references, span reference, span *last)
{
    if (!reference.size || (reference.size == last->size && !memcmp(reference.data, last->data, reference.size)))
        return 1;
    /* The alphabet is a part of ASCII, so that these bytes are UTF-8. */
    PyObject *name = PyUnicode_FromStringAndSize((const char *)reference.data, (Py_ssize_t)reference.size);
    int added = name && PySet_Add(references, name) == 0;
    Py_DecRef(name);
    *last = reference;
    return added;
}

/* accept_usage(data, ends, ...) -> (where each event_id lies, distinct receipt_refs), or None when not certain. */
static PyObject *accept_usage(PyObject *module, PyObject *args)
{
    buffer data, ends;
    long long first_us, last_us, quantity_max;
    Py_ssize_t id_length_max, event_size_max;
    int pseudonyms_only;
    packed bodies;
    unsigned char *out;
    span last = {NULL, 0};
    (void)module;
    if (!PyArg_ParseTuple(args, "y#y#LLLnnp", BYTES(data), BYTES(ends), &first_us, &last_us, &quantity_max,
                          &id_length_max, &event_size_max, &pseudonyms_only) ||
        !take_packed(data, ends, &bodies))
        return NULL;
    if (id_length_max < 0 || event_size_max < 0) {
        refuse("limits must not be negative");
        return NULL;
    }
    const usage_limits limits = {
        first_us, last_us, quantity_max, (size_t)id_length_max, (size_t)event_size_max, pseudonyms_only,
    };
    PyObject *spans = new_bytes(SPAN_SIZE * bodies.count, &out), *references = PySet_New(NULL), *answer = NULL;
    span *found = PyMem_Malloc(bodies.count * sizeof *found + 1);
    if (!spans || !references || !found)
        goto done;
    PyThreadState *unlocked = bodies.count < WORTH_UNLOCKING ? NULL : PyEval_SaveThread();
    size_t good = look_at_events(&bodies, &limits, out, found);
    if (unlocked)
        PyEval_RestoreThread(unlocked);
    if (good < bodies.count) {
        answer = Py_None;
        Py_IncRef(answer);
        goto done;
    }
    for (size_t at = 0; at < bodies.count; at++)
        if (!add_reference(references, found[at], &last))
            goto done;
    answer = PyTuple_Pack(2, spans, references);
done:
    PyMem_Free(found);
    Py_DecRef(spans);
    Py_DecRef(references);
    return answer;
}

/* fingerprint_spans(keys, data, spans) -> 8 bytes for each span of ASCII text in the data. */
static PyObject *fingerprint_spans(PyObject *module, PyObject *args)
{
    buffer keys, data, spans;
    unsigned char *out;
    (void)module;
    if (!PyArg_ParseTuple(args, "y#y#y#", BYTES(keys), BYTES(data), BYTES(spans)))
        return NULL;
    if (keys.size % 8 || keys.size < 8 || spans.size % SPAN_SIZE) {
        refuse("keys must have 8 bytes each, spans also");
        return NULL;
    }
    size_t count = (size_t)spans.size / SPAN_SIZE, longest = (size_t)keys.size / 8 - 1;
    PyObject *prints = new_bytes(8 * count, &out);
    for (size_t at = 0; prints && at < count; at++) {
        uint32_t begin = load_end(spans.data + SPAN_SIZE * at), size = load_end(spans.data + SPAN_SIZE * at + END_SIZE);
        if (begin > (size_t)data.size || size > (size_t)data.size - begin || size > longest) {
            refuse("a span is not in the data, or longer than the keys");
            Py_DecRef(prints);
            return NULL;
        }
        uint64_t print = fingerprint(keys.data, (span){data.data + begin, size});
        memcpy(out + 8 * at, &print, sizeof print);
    }
    return prints;
}

/* set_alphabet(characters): what identifiers may have. Called once, when counterfoil.record is imported. */
static PyObject *set_alphabet(PyObject *module, PyObject *args)
{
    buffer alphabet;
    (void)module;
    if (!PyArg_ParseTuple(args, "y#", BYTES(alphabet)))
        return NULL;
    for (Py_ssize_t at = 0; at < alphabet.size; at++) {
        if (alphabet.data[at] >= 0x80) {
            refuse("the alphabet must be ASCII");
            return NULL;
        }
    }
    usage_allow(alphabet.data, (size_t)alphabet.size);
    Py_IncRef(Py_None);
    return Py_None;
}

/* choose_hardware(allowed) -> whether SHA instructions are used. For tests of both ways; the best one is the default. */
static PyObject *choose_hardware(PyObject *module, PyObject *args)
{
    int allow;
    (void)module;
    if (!PyArg_ParseTuple(args, "p", &allow))
        return NULL;
    sha256_choose(allow);
    return PyBool_FromLong(sha256_uses_hardware());
}

static PyMethodDef METHODS[] = {
    {"pack_ends", pack_ends, METH_O, "pack_ends(items) -> ends"},
    {"frame_packed", frame_packed, METH_VARARGS, "frame_packed(head, data, ends) -> framed"},
    {"split_elements", split_elements, METH_VARARGS, "split_elements(message, begin, field) -> (rest, data, ends)"},
    {"commit_packed", commit_packed, METH_VARARGS, "commit_packed(salts, head, data, ends) -> commitments"},
    {"chain_hashes", chain_hashes, METH_VARARGS, "chain_hashes(head, previous, commitments) -> leaf hashes"},
    {"hash_pairs", hash_pairs, METH_VARARGS, "hash_pairs(nodes) -> parents"},
    {"accept_usage", accept_usage, METH_VARARGS,
     "accept_usage(data, ends, first_us, last_us, quantity_max, id_length_max, event_size_max, pseudonyms_only) -> "
     "(spans, references)"},
    {"refer_usage", refer_usage, METH_VARARGS, "refer_usage(data, ends, known) -> (numbers, times, tokens)"},
    {"fingerprint_spans", fingerprint_spans, METH_VARARGS, "fingerprint_spans(keys, data, spans) -> fingerprints"},
    {"sort_entries", sort_entries, METH_VARARGS, "sort_entries(prints, indexes) -> entries"},
    {"merge_entries", merge_entries, METH_VARARGS, "merge_entries(parts) -> entries"},
    {"find_entries", find_entries, METH_VARARGS, "find_entries(asked, runs, chunk_count) -> hits"},
    {"set_alphabet", set_alphabet, METH_VARARGS, "set_alphabet(characters)"},
    {"choose_hardware", choose_hardware, METH_VARARGS, "choose_hardware(allowed) -> used"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "counterfoil._native", NULL, -1, METHODS, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__native(void)
{
    sha256_choose(1);
    return PyModule_Create(&MODULE);
}
