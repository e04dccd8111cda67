"""Every endpoint of version 1."""

from fastapi import APIRouter

from auth_service.api.v1.endpoints import audit_events, auth, email_verification, password_reset, sessions, users

router = APIRouter()
router.include_router(auth.token_router)
router.include_router(auth.router)
router.include_router(audit_events.router)
router.include_router(password_reset.router)
router.include_router(email_verification.router)
router.include_router(sessions.router)
router.include_router(users.router)
