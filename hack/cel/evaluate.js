// Evaluates a ValidatingAdmissionPolicy on objects, as an API server does. Reads {policy, cases: [{object, oldObject}]} from standard
// input, and prints for each case the list of messages of the validations that fail. Knows nothing of the product.
import { readFileSync } from 'node:fs';
import { Environment } from '@marcbachmann/cel-js';

const { policy, cases } = JSON.parse(readFileSync(0, 'utf8'));
const environment = new Environment({ unlistedVariablesAreDyn: true });
const programs = new Map();

function evaluate(expression, context) {
  if (!programs.has(expression)) programs.set(expression, environment.parse(expression));
  return programs.get(expression)(context);
}

function failuresOf({ object, oldObject = null, namespaceObject = null, params = null, request = {} }) {
  const variables = {};
  const context = { object, oldObject, namespaceObject, params, request, variables };
  const { matchConditions = [], variables: declared = [], validations } = policy.spec;
  if (!matchConditions.every(({ expression }) => evaluate(expression, context))) return [];
  for (const { name, expression } of declared) variables[name] = evaluate(expression, context);
  return validations
    .filter(({ expression }) => evaluate(expression, context) !== true)
    .map(({ expression, message, messageExpression }) => (messageExpression ? evaluate(messageExpression, context) : message) ?? expression);
}

process.stdout.write(JSON.stringify(cases.map(failuresOf)));
