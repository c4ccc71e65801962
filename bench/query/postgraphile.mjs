// `node postgraphile.mjs FOLDER`: PostGraphile from FOLDER/node_modules on 127.0.0.1, one process, 8 connections.
// Prints its port once it answers. What its makers advise for production: no GraphiQL, no watching, no explaining,
// prepared statements. It reads the tables as their owner: no sign-in and no row scope cost it anything.

import { createServer } from "node:http";
import { createRequire } from "node:module";

const folder = process.argv[2];
const from = createRequire(`${folder}/package.json`);
const { postgraphile } = from("postgraphile");
const { PostGraphileAmberPreset } = from("postgraphile/presets/amber");
const { makePgService } = from("postgraphile/adaptors/pg");
const { grafserv } = from("postgraphile/grafserv/node");
const { jsonPgSmartTags } = from("postgraphile/utils");
const { PgAggregatesPreset } = from("@graphile/pg-aggregates");
const { PostGraphileConnectionFilterPreset } = from("postgraphile-plugin-connection-filter");

// The tables have no foreign keys: which column leads where is told this way.
const leads = {
  work_item: ["(project_id) references project (id)", "(assignee_id) references person (id)"],
  project: ["(programme_id) references programme (id)"],
  milestone: ["(project_id) references project (id)"],
  risk: ["(project_id) references project (id)"],
};
const tags = Object.entries(leads).map(([table, foreignKey]) => [table, { tags: { foreignKey } }]);
const preset = {
  extends: [PostGraphileAmberPreset, PgAggregatesPreset, PostGraphileConnectionFilterPreset],
  // It would ask by indexed columns alone, and take those with a condition for none.
  disablePlugins: ["PgIndexBehaviorsPlugin"],
  plugins: [jsonPgSmartTags({ version: 1, config: { class: Object.fromEntries(tags) } })],
  pgServices: [
    makePgService({
      schemas: ["public"],
      // Where the database is stands in PGHOST and the like.
      poolConfig: { max: 8, options: "-c jit=off" },
    }),
  ],
  grafast: { explain: false },
  grafserv: { graphiql: false, watch: false, websockets: false },
};
const server = createServer();
await postgraphile(preset).createServ(grafserv).addTo(server);
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
