/* The type Matcher, as Python sees it: one event against many rules, by candidates and conditions. */
#include "_native.h"

static PyObject *matched(Matcher *m, PyObject *event, PyObject *bucket) {
    m->plain = PyTuple_GET_ITEM(bucket, 2) == Py_True;
    int keyed = awake(m) ? make_key(m, event, PyTuple_GET_ITEM(bucket, 3), NULL) : 0;
    if (keyed < 0) return NULL;
    uint64_t hash = keyed ? hashed(m->key.items ? m->key.items : (void *)"", m->key.count) : 0;
    Memory *known = keyed ? remembered(m, bucket, hash) : NULL;
    if (known) {
        int same = quiet(m, event, bucket, known);
        if (same < 0) return NULL;
        if (same) { m->found++; return Py_NewRef(known->found); }
    }
    memset(m->marks, 0, m->words * 8);
    if (lay_out(m, event)) return NULL;
    search(m, m->bits);
    PyObject *found = found_rules(m, (const uint64_t *)PyBytes_AS_STRING(PyTuple_GET_ITEM(bucket, 0)), (const uint64_t *)PyBytes_AS_STRING(PyTuple_GET_ITEM(bucket, 1)));
    if (found && keyed && m->plain) {
        if (PyList_Check(found)) { PyObject *fixed = PyList_AsTuple(found); Py_SETREF(found, fixed); }    /* it is given out again */
        if (found && remember(m, event, bucket, hash, found)) Py_CLEAR(found);
    }
    return found;
}

static PyObject *matcher_forget(Matcher *m, PyObject *Py_UNUSED(ignored)) {
    if (m->busy) { PyErr_SetString(PyExc_RuntimeError, "it is busy"); return NULL; }
    PyDict_Clear(m->buckets);
    forget_all(m);
    Py_RETURN_NONE;
}

/* remember(whether): of what was found before, nothing is taken and nothing kept any more, or both again. */
static PyObject *matcher_remember(Matcher *m, PyObject *whether) {
    int truth = PyObject_IsTrue(whether);
    if (truth < 0) return NULL;
    if (m->busy) { PyErr_SetString(PyExc_RuntimeError, "it is busy"); return NULL; }
    m->remembers = truth;
    if (!truth) forget_all(m);
    Py_RETURN_NONE;
}

/* match(event): the rules that match, ascending. */
static PyObject *matcher_match(Matcher *m, PyObject *event) {
    if (!PyDict_Check(event) || !m->slots || m->busy) {
        PyErr_SetString(PyExc_TypeError, "match(event) of a matcher that is ready and idle");
        return NULL;
    }
    m->busy = 1;
    PyObject *bucket = bucket_of(m, event), *found = NULL;
    if (bucket) {
        m->event = event;
        found = matched(m, event, bucket);
        Py_CLEAR(m->view);
        Py_DECREF(bucket);
    }
    m->event = NULL;
    m->busy = 0;
    return found;
}

/* Whether what could not be made is left for when it is asked; being told to stop is not. */
static int left(void) {
    if (!PyErr_ExceptionMatches(PyExc_Exception)) return 0;
    PyErr_Clear();
    return 1;
}

/* prepare(): make the conditions of all rules now, not when they are first asked; what cannot be made is left for then. */
static PyObject *matcher_prepare(Matcher *m, PyObject *Py_UNUSED(ignored)) {
    if (m->busy) { PyErr_SetString(PyExc_RuntimeError, "it is busy"); return NULL; }
    int going = m->busy = 1;
    for (int rule = 0; rule < m->rules && going; rule++) if (root_of(m, rule) < 0) going = left();
    for (size_t i = 0; i < m->atoms.count && going; i++) {
        Atom *a = &AT(m->atoms, Atom, i);
        if (a->op == FOREIGN && !a->call && !(a->call = PyObject_CallOneArg(m->foreign, a->node))) going = left();
    }
    m->busy = 0;
    if (!going) return NULL;
    Py_RETURN_NONE;
}

/* ---- the type ----------------------------------------------------------------------------------------------------- */

static void matcher_dealloc(Matcher *m) {
    for (size_t i = 0; i < m->atoms.count; i++) { Py_XDECREF(AT(m->atoms, Atom, i).node); Py_XDECREF(AT(m->atoms, Atom, i).call); }
    for (int i = 0; i < CACHE; i++) Py_XDECREF(m->cache_key[i]);
    PyObject *held[] = {m->fields, m->text_of, m->tree_of, m->foreign, m->view_of, m->atom_ids, m->unsearched, m->virtuals, m->keys, m->route, m->buckets, m->view};
    forget_all(m);
    for (size_t i = 0; i < sizeof held / sizeof *held; i++) Py_XDECREF(held[i]);
    void *owned[] = {m->bytes.items, m->ids.items, m->rule_ids.items, m->spans.items, m->literals.items, m->atoms.items, m->nodes.items,
                     m->links.items, m->arena.items, m->roots, m->marks, m->heads, m->tails, m->head_seen, m->bits, m->any_bits, m->slots, m->pairs, m->threes,
                     m->memo, m->key.items, m->rest_key.items, m->wide, m->next.items, m->first, m->often};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) PyMem_Free(owned[i]);
    PyTypeObject *type = Py_TYPE(m);
    type->tp_free((PyObject *)m);
    Py_DECREF(type);
}

/* Matcher(rules, tree_of, foreign, view_of, text_of, unsearched, virtuals, keys, route, wide): names of fields that are no values
 * to search, names that no event carries, those that routes ask for, what tells a bucket, and the bits of the rules that read
 * more than fields by their names. */
static PyObject *matcher_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs)) {
    int rules; PyObject *tree_of, *foreign, *view_of, *text_of, *unsearched, *virtuals, *keys, *route, *wide;
    if (!PyArg_ParseTuple(args, "iOOOOO!O!O!OS", &rules, &tree_of, &foreign, &view_of, &text_of, &PyFrozenSet_Type, &unsearched, &PyFrozenSet_Type, &virtuals,
                          &PyTuple_Type, &keys, &route, &wide)) return NULL;
    if (rules < 0 || rules > 1 << 24) { PyErr_SetString(PyExc_ValueError, "so many rules"); return NULL; }
    if ((size_t)PyBytes_GET_SIZE(wide) != ((size_t)rules + 63) / 64 * 8) { PyErr_SetString(PyExc_ValueError, "a bit for each rule"); return NULL; }
    Matcher *m = (Matcher *)type->tp_alloc(type, 0);
    if (!m) return NULL;
    m->tree_of = Py_NewRef(tree_of); m->foreign = Py_NewRef(foreign); m->view_of = Py_NewRef(view_of);
    m->text_of = Py_NewRef(text_of); m->unsearched = Py_NewRef(unsearched); m->virtuals = Py_NewRef(virtuals); m->keys = Py_NewRef(keys); m->route = Py_NewRef(route);
    m->buckets = PyDict_New();
    m->rules = rules; m->words = ((size_t)rules + 63) / 64;
    m->fields = PyDict_New(); m->atom_ids = PyDict_New();
    m->roots = PyMem_Malloc(sizeof(int) * ((size_t)rules + 1)); m->marks = PyMem_Calloc(m->words + 1, 8); m->wide = PyMem_Calloc(m->words + 1, 8);
    if (!m->fields || !m->atom_ids || !m->buckets || !m->roots || !m->marks || !m->wide) { Py_DECREF(m); return PyErr_NoMemory(); }
    for (int i = 0; i < rules; i++) m->roots[i] = -1;
    memcpy(m->wide, PyBytes_AS_STRING(wide), m->words * 8);
    m->pair_head = -1;
    m->remembers = 1;
    return (PyObject *)m;
}

static PyMethodDef methods[] = {
    {"literal", (PyCFunction)matcher_literal, METH_VARARGS, "Look for a literal that makes rules candidates."},
    {"ready", (PyCFunction)matcher_ready, METH_NOARGS, "Make the tables; no literal comes after."},
    {"forget", (PyCFunction)matcher_forget, METH_NOARGS, "Forget which rules which events meet."},
    {"remember", (PyCFunction)matcher_remember, METH_O, "Take what was found before for the same values, or not."},
    {"prepare", (PyCFunction)matcher_prepare, METH_NOARGS, "Make the conditions of all rules now."},
    {"match", (PyCFunction)matcher_match, METH_O, "Return the rules that match an event, ascending."},
    {NULL, NULL, 0, NULL},
};
static PyType_Slot slots[] = {
    {Py_tp_new, matcher_new}, {Py_tp_dealloc, matcher_dealloc}, {Py_tp_methods, methods},
    {Py_tp_doc, "Rules, matched against one event at a time, by one thread at a time."}, {0, NULL},
};
static PyType_Spec spec = {"hinomi.detections.engine._native.Matcher", sizeof(Matcher), 0, Py_TPFLAGS_DEFAULT, slots};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_native", "See hinomi.detections.engine.native.", -1, NULL, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__native(void) {
    PyObject *module = PyModule_Create(&definition), *type = PyType_FromSpec(&spec);
    if (!module || !type || PyModule_AddObjectRef(module, "Matcher", type)) Py_CLEAR(module);
    Py_XDECREF(type);
    return module;
}
