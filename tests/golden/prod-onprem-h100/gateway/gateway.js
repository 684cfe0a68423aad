// Who calls and whether it may: the decisions that nginx's own words cannot make.
// It runs on QuickJS and on the old njs engine alike, so no for..of and no optional chaining.

import crypto from 'crypto';

const ALIASES = ["deepseek-r1-70b"];
const TRACE = /^[A-Za-z0-9._-]{8,64}$/;

function refuse(r, status, code, message) {
    r.variables.refused = code;
    r.headersOut['Content-Type'] = 'application/json';
    const kind = status < 500 ? 'invalid_request_error' : 'server_error';
    r.return(status, JSON.stringify({error: {message: message, type: kind, param: null, code: code}}));
}

// An exception in js_access can let a request through (njs 0.9.9): whatever happens, answer 500.
// Only the error's name is logged, because a parser's message may quote the prompt.
function refuseBroken(r, error) {
    r.error('gateway.js: ' + (error && error.name));
    refuse(r, 500, 'internal_error', 'The gateway failed, not you.');
}

// js_set: lazy and synchronous, so that limit_req and limit_conn, which run first, can use them.
function keyHash(r) {
    try {
        const header = r.headersIn.Authorization || '';
        if (header.slice(0, 7).toLowerCase() !== 'bearer ') {
            return '';
        }
        return crypto.createHash('sha256').update(header.slice(7).trim()).digest('hex');
    } catch (error) {
        return '';
    }
}

// An entry is `tenant:` or `tenant:YYYY-MM-DD`, the last day, in UTC, on which the key works.
function tenant(r) {
    try {
        const entry = r.variables.key_entry.split(':');
        const expired = entry[1] && new Date().toISOString().slice(0, 10) > entry[1];
        return expired ? '' : entry[0];
    } catch (error) {
        return '';
    }
}

// The client's own id of the request if it is harmless in logs and headers, else nginx's.
function trace(r) {
    const given = r.headersIn['X-Request-Id'] || '';
    return TRACE.test(given) ? given : r.variables.request_id;
}

// True for a tenant that uses the right method; otherwise the request has been answered.
function knows(r, method) {
    if (!r.variables.tier) {
        r.headersOut['WWW-Authenticate'] = 'Bearer';
        refuse(r, 401, 'invalid_api_key', 'The API key is missing, unknown or expired.');
        return false;
    }
    if (r.method !== method) {
        r.headersOut.Allow = method;
        refuse(r, 405, 'method_not_allowed', 'This path takes ' + method + ' only.');
        return false;
    }
    return true;
}

async function readObject(r) {
    try {
        const body = await r.readRequestJSON();
        return body !== null && typeof body === 'object' && !Array.isArray(body) ? body : null;
    } catch (error) {
        // RangeError: nested so deeply that the stack is not enough.
        if (error instanceof SyntaxError || error instanceof RangeError) {
            return null;
        }
        throw error;
    }
}

// In js_access a plain return lets the request go on.
async function check(r) {
    if (!knows(r, 'POST')) {
        return;
    }
    const body = await readObject(r);
    if (body === null) {
        refuse(r, 400, 'invalid_json', 'The body is not a JSON object.');
        return;
    }
    const alias = body.model;
    if (typeof alias !== 'string' || alias === '') {
        refuse(r, 400, 'model_required', 'The body names no model.');
        return;
    }
    if (ALIASES.indexOf(alias) < 0) {
        refuse(r, 404, 'model_not_found', 'There is no such model. GET /v1/models lists yours.');
        return;
    }
    if (r.variables.models.split(',').indexOf(alias) < 0) {
        refuse(r, 403, 'model_not_allowed', 'Your key may not use this model.');
        return;
    }
    r.variables.alias = alias;
}

async function admit(r) {
    try {
        await check(r);
    } catch (error) {
        refuseBroken(r, error);
    }
}

function models(r) {
    try {
        if (knows(r, 'GET')) {
            const data = r.variables.models.split(',').map((id) => (
                {id: id, object: 'model', created: 0, owned_by: 'deepseek-blueprint'}
            ));
            r.headersOut['Content-Type'] = 'application/json';
            r.return(200, JSON.stringify({object: 'list', data: data}));
        }
    } catch (error) {
        refuseBroken(r, error);
    }
}

export default {keyHash, tenant, trace, admit, models};
