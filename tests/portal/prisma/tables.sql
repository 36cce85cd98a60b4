-- What `prisma migrate` would make of schema.prisma. Written by hand, because migrate needs Prisma's schema engine,
-- a binary that has to be downloaded; the client itself needs none.
CREATE TABLE "users" (
    "id" SERIAL PRIMARY KEY,
    "email" TEXT NOT NULL UNIQUE,
    "password_hash" TEXT NOT NULL,
    "whmcs_client_id" INTEGER NOT NULL UNIQUE,
    "salesforce_account_id" TEXT NOT NULL UNIQUE,
    "sim_id" INTEGER NOT NULL UNIQUE,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE "orders" (
    "id" CHAR(18) PRIMARY KEY,
    "user_id" INTEGER NOT NULL REFERENCES "users" ("id"),
    "type" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'Pending Review',
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMP(3) NOT NULL
);

CREATE INDEX "orders_user_id_created_at_idx" ON "orders" ("user_id", "created_at");

CREATE TABLE "audit_log" (
    "id" BIGSERIAL PRIMARY KEY,
    "user_id" INTEGER REFERENCES "users" ("id"),
    "action" TEXT NOT NULL,
    "success" BOOLEAN NOT NULL,
    "detail" TEXT,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX "audit_log_created_at_idx" ON "audit_log" ("created_at");
