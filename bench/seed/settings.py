"""The old design, as its README describes it: Django, Celery and Redis. Only the benchmark runs it."""
import os

SECRET_KEY = 'bench'
DEBUG = False
ALLOWED_HOSTS = ['127.0.0.1']
ROOT_URLCONF = 'gateway'
INSTALLED_APPS = ['django.contrib.contenttypes', 'django.contrib.auth', 'rest_framework', 'bulk']
MIDDLEWARE = ['django.middleware.common.CommonMiddleware']
APPEND_SLASH = False
DEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'
USE_TZ = True
DATABASES = {
    'default': {
        'ENGINE': 'django.db.backends.postgresql',
        'HOST': os.environ['DB_HOST'],
        'PORT': os.environ['DB_PORT'],
        'NAME': os.environ['DB_NAME'],
        'USER': os.environ['DB_USER'],
        'PASSWORD': os.environ['DB_PASSWORD'],
        # Kinder than the default, which opens a connection for each request.
        'CONN_MAX_AGE': None,
    }
}
REST_FRAMEWORK = {'DEFAULT_AUTHENTICATION_CLASSES': [], 'DEFAULT_PERMISSION_CLASSES': []}
DATA_UPLOAD_MAX_MEMORY_SIZE = None

SCHEME_ADAPTER_URL = os.environ['SCHEME_ADAPTER_URL']
CELERY_BROKER_URL = os.environ['CELERY_BROKER_URL']
CELERY_RESULT_BACKEND = os.environ['CELERY_BROKER_URL']
