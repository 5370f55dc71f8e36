// node openapi.mjs FILE: whether a description is OpenAPI, and types of a client can be made of it; those go to standard output.
import { readFile } from "node:fs/promises";
import { Validator } from "@seriousme/openapi-schema-validator";
import openapiTypes, { astToString } from "openapi-typescript";

const text = await readFile(process.argv[2], "utf8");
const result = await new Validator().validate(JSON.parse(text));
if (!result.valid) {
	console.error(JSON.stringify(result.errors, null, 1));
	process.exit(1);
}
process.stdout.write(astToString(await openapiTypes(text)));
